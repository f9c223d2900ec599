"""Secrets: `${NAME}` from the environment and `${file:PATH}` from a file. `$${NAME}` stands for `${NAME}` itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

_REFERENCE = re.compile(r"\$?\$\{([^{}]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LARGEST = 64 * 1024
HIDDEN = "<secret>"


class MissingSecret(Exception):
    """A secret that is not there. `remedy`: how to give it."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy


def expand(text: str, env: Mapping[str, str], folder: Path) -> tuple[str, list[str]]:
    """The text with its secrets in, and those secrets. Files are relative to `folder`. Raises MissingSecret."""
    found: list[str] = []

    def replace(match: re.Match[str]) -> str:
        if match[0].startswith("$$"):
            return match[0][1:]
        found.append(_look_up(match[1], env, folder))
        return found[-1]

    return _REFERENCE.sub(replace, text), found


def _look_up(reference: str, env: Mapping[str, str], folder: Path) -> str:
    if reference.startswith("file:"):
        return _read(folder / reference.removeprefix("file:"), reference)
    if not _NAME.fullmatch(reference):
        raise MissingSecret(
            f'"${{{reference}}}" names no secret', "Write ${NAME} or ${file:PATH}; write $${ where the text itself says ${."
        )
    value = env.get(reference)
    if not value:
        state = "empty" if value == "" else "not set"
        raise MissingSecret(f"the environment variable {reference} is {state}", f"Set {reference}, or write ${{file:PATH}}.")
    return value


def _read(path: Path, reference: str) -> str:
    shown = reference.removeprefix("file:")
    remedy = "The file must hold the secret and be readable by the user that runs Tocsin."
    try:
        if not path.is_file():
            raise MissingSecret(f"there is no file {shown}", remedy)
        with path.open("rb") as file:
            value = file.read(_LARGEST + 1)
        if len(value) > _LARGEST:
            raise MissingSecret(f"the file {shown} is too large for a secret", remedy)
        text = value.decode().strip()
    except OSError as error:
        raise MissingSecret(f"cannot read the file {shown} ({error.strerror})", remedy) from None
    except ValueError:  # not UTF-8, or a path that no file can have
        raise MissingSecret(f"the file {shown} holds no text", remedy) from None
    if not text:
        raise MissingSecret(f"the file {shown} is empty", remedy)
    return text


def scrubber(secrets: set[str]) -> Callable[[str], str]:
    """Hides the secrets in a text. Very short ones only where they stand in quotes: they would be found in every word."""
    if not secrets:
        return lambda text: text
    quoted = r"(?<=[\"']){}(?=[\"'])"
    parts = [re.escape(s) if len(s) > 3 else quoted.format(re.escape(s)) for s in sorted(secrets, key=len, reverse=True)]
    pattern = re.compile("|".join(parts))
    return lambda text: pattern.sub(HIDDEN, text)
