"""Whatever is written: mistakes are told as ConfigErrors, soon, and never with a secret in them."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.config import ConfigErrors, load
from bot.config.problem import shown_path

EXAMPLE = (Path(__file__).parents[2] / "config.example.yaml").read_text()
DATA: dict[str, Any] = yaml.safe_load(EXAMPLE)
WORDS = sorted({word for word in EXAMPLE.replace(":", " ").split() if len(word) < 20})
SECRET = "s3cr3t-hunter-2-" + "x" * 60  # longer than what messages cut off

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(WORDS)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
quiet = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def problems(folder: Path, text: str, env: dict[str, str]) -> list[str]:
    """What load says of the text, after what it promises was checked."""
    path = folder / "config.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        load(path, env)
    except ConfigErrors as error:
        assert error.problems
        assert all(problem.line >= 0 and problem.what for problem in error.problems)
        return [str(problem) for problem in error.problems]
    return []


def paths(data: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every place in the data."""
    below = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else []
    return [path, *(found for key, value in below for found in paths(value, (*path, key)))]


def put(data: Any, path: tuple[str | int, ...], value: Any) -> Any:
    """A copy of the data with another value at the path."""
    if not path:
        return value
    copy: Any = dict(data) if isinstance(data, dict) else list(data)
    copy[path[0]] = put(data[path[0]], path[1:], value)
    return copy


def dump(data: Any) -> str:
    return str(yaml.dump(data, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper), allow_unicode=True))


places = st.sampled_from(paths(DATA))


@quiet
@given(st.text() | st.text(alphabet="ab:-[]{}&*!|>'\"#%@`,?~<\n\t $", max_size=60))
def test_any_text_loads_or_is_refused(tmp_path: Path, text: str) -> None:
    problems(tmp_path, text, {})


@quiet
@given(
    st.lists(
        st.tuples(st.integers(0, len(EXAMPLE)), st.integers(0, 40), st.text(max_size=4) | st.sampled_from(WORDS)), max_size=4
    )
)
def test_the_example_with_pieces_torn_out_loads_or_is_refused(tmp_path: Path, cuts: list[tuple[int, int, str]]) -> None:
    text = EXAMPLE
    for start, length, other in cuts:
        text = text[:start] + other + text[start + length :]
    problems(tmp_path, text, {})


@quiet
@given(st.lists(st.tuples(places, anything), min_size=1, max_size=3, unique_by=lambda found: found[0]))
def test_any_value_anywhere_loads_or_is_refused(tmp_path: Path, changes: list[tuple[tuple[str | int, ...], Any]]) -> None:
    data: Any = DATA
    for path, value in sorted(changes, key=lambda change: -len(change[0])):
        data = put(data, path, value)
    problems(tmp_path, dump(data), {})


@quiet
@given(st.lists(places, min_size=1, max_size=3), st.sampled_from(["${S}", "a ${S} b", "=${S}", "${S}=~((", "${S}:x"]), anything)
def test_a_secret_is_never_told(tmp_path: Path, where: list[tuple[str | int, ...]], text: str, other: Any) -> None:
    data: Any = DATA
    for path in sorted(where, key=len, reverse=True):
        data = put(data, path, text if isinstance(other, str) or other is None else [text, other])
    said = "\n".join(problems(tmp_path, dump(data), {"S": SECRET}))
    assert SECRET[:12] not in said


@pytest.mark.parametrize("section", DATA)
def test_a_secret_in_the_wrong_place_is_not_told(tmp_path: Path, section: str) -> None:
    for path in paths(DATA[section], (section,)):
        text = dump(put(DATA, path, "${S}"))
        assert SECRET[:12] not in "\n".join(problems(tmp_path, text, {"S": SECRET})), shown_path(path)
        assert "q9" not in "\n".join(problems(tmp_path, text, {"S": "q9"})), shown_path(path)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "- " * 100_000,
        "{a: " * 5000,
        "a: &a [*a]",
        "&a [&b [*a, *b]]",
        "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 40)),
        "a: &a {b: 1, <<: *a}",
        "a0: &a0 {x: 1}\n" + "".join(f"a{i}: &a{i} {{<<: [*a{i - 1}, *a{i - 1}]}}\n" for i in range(1, 40)),
        "<<: [" + "{a: 1}, " * 2000 + "]",
        "a: " + "9" * 5000,
        "a: 1.0e999999",
        "x: ${file:/dev/zero}",
        "x: ${file:/proc/self/mem}",
        "include: /dev/*",
        "include: ['\\0', '\\ud800', '*', '.', '..', '']",
    ],
    ids=lambda text: text[:20],
)
def test_hostile_texts_are_refused_soon(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, text, {})
