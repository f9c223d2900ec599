"""docs/sources.md, made of the registry, the sources' own words and their samples: `make docs` writes it."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from adapters import registry, samples
from adapters.fields import SEVERITY_WORDS, parse_time
from bot.cli.sample import sample_of
from rules.alert import Severity
from rules.duration import format_duration

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "sources.md"
SAMPLES = Path(samples.__path__[0])
NOW = parse_time("2026-03-02T12:00:00Z")
PROOFS = {
    "sns": ("Amazon SNS signs", '{{sns: {{topics: ["arn:aws:sns:eu-west-1:123456789012:alerts-*"]}}}}'),
    "standard": ("signature", '{{standard: "{}"}}'),
    "hmac": ("signature", '{{hmac: "{}"}}'),
    "key": ("the vendor's key", '{{key: "{}"}}'),
    "bearer": ("bearer token", '{{bearer: "{}"}}'),
    "header": ("secret header", '{{header: "{}"}}'),
    "basic": ("user and password", '{{basic: {{user: tocsin, password: "{}"}}}}'),
    "path": ("secret in the address", '{{path: "{}"}}'),
    "query": ("secret in the address", '{{query: {{name: token, value: "{}"}}}}'),
}
"""Ways of `auth`, the best first: in words, and as YAML."""

NAMES = {"alertmanager": "Prometheus and Alertmanager", "cloudevents": "CloudEvents", "generic": "Anything that posts JSON"}
MORE = {
    "alertmanager": "prometheus.md",
    "generic": "generic.md",
    "opsgenie": "pagerduty-opsgenie.md",
    "pagerduty": "pagerduty-opsgenie.md",
}

HEAD = """\
# All sources

<!-- Made by `make docs` from adapters/sources and adapters/samples; change those instead. -->

Choose a type, add its lines to the config, and set the sender up with the address `/webhooks/` and the name of your source.
Then see it work without the sender: `tocsin send --as TYPE` sends a sample as that sender would, with its proof;
`--resolved` sends the end of it.

Every source takes the keys of [config.example.yaml](../config.example.yaml), among them `severity.map` for the sender's
words and `severity.default` for what says none; all but `alertmanager` and `generic` also `close_after` for what is never
told to be over, and `timezone` for times that are sent without one. What a source could not understand of an alert (a
placeholder, an unknown word) costs nothing but itself: it stands on the card and in a metric.

A signature is the best proof, then a secret in a header. A secret in the address ends up in proxies' logs: use it where the
sender can do no better, if possible with `ip` beside it. [More on proofs](config.md#how-a-sender-proves-who-it-is).

The usual words for severity: WORDS. One that nobody knows is a warning, and stands on the card.

"""


class Entry:
    """What the page says of one kind of source."""

    def __init__(self, kind: str) -> None:
        cls = registry.load(registry.SOURCES[kind])
        self.kind, self.model = kind, cls.config_model
        self.severities, self.usual = getattr(cls, "severities", {}), getattr(cls, "usual", None)
        self.name = NAMES.get(kind) or re.split(r"[:,]", sys.modules[cls.__module__].__doc__ or "")[0].strip()
        _, *more = re.split(r"(?<=\.) ", " ".join((cls.__doc__ or "").split()))
        self.words = " ".join([*(self.model.__doc__ or "").split(), *more])
        self.setup = (SAMPLES / kind / "setup.md").read_text()
        found = {*re.findall(r"auth: \{(\w+)", self.setup), *({"bearer"} if "bearer" in self.setup.lower() else ())}
        self.proof = next(way for way in PROOFS if way in found)

    @property
    def close_after(self) -> float | None:
        field = self.model.model_fields.get("close_after")
        return field.default if field else None

    @property
    def ends(self) -> str:
        return f"after {format_duration(self.close_after)} without news" if self.close_after else "yes"

    @property
    def yaml(self) -> str:
        """The lines of the source in a config, its secret as an environment variable."""
        more = SAMPLES / self.kind / "config.json"
        lines = [f"{name}: {value}" for name, value in (json.loads(more.read_text()) if more.exists() else {}).items()]
        auth = PROOFS[self.proof][1].format(f"${{{self.kind.upper()}_SECRET}}")
        return "".join(f"{line}\n" for line in ("sources:", f"  {self.kind}:", *self._inner(auth, lines)))

    def _inner(self, auth: str, lines: list[str]) -> Iterator[str]:
        for line in (f"type: {self.kind}", f"auth: {auth}", *lines):
            yield f"    {line}"

    @property
    def instructions(self) -> str:
        secret = {"path": "/THE-SECRET", "query": "?token=THE-SECRET"}.get(self.proof, "")
        secret = "" if "?token={secret}" in self.setup else secret
        url = f"https://tocsin.example.com/webhooks/{self.kind}{secret}"
        return self.setup.replace("{url}", url).replace("{secret}", "THE-SECRET").strip()

    @property
    def becomes(self) -> str:
        """What the sample is here: severity, title and labels."""
        alert = self._alert()
        names = ["alertname", *(name for name in alert.labels if name not in ("alertname", "severity"))]
        labels = " ".join(f"{name}={alert.labels[name]}" for name in names)
        return f"Its sample becomes **{alert.severity.name}** “{alert.annotations['summary']}” with the labels `{labels}`."

    def _alert(self) -> Any:
        more = SAMPLES / self.kind / "config.json"
        given = json.loads(more.read_text()) if more.exists() else {}
        config = self.model.model_validate({"type": self.kind, "auth": "none", **given})
        sample = sample_of(self.kind, False, NOW)
        headers = {name.lower(): value for name, value in sample.headers.items()}
        request = replace(sample, headers=headers)
        return registry.load(registry.SOURCES[self.kind])(self.kind, config).parse(request, NOW).reports[0].open()

    @property
    def severity(self) -> str:
        """Of its own words; those that everybody uses go without saying."""
        if self.usual is None:
            return ""
        words: dict[str, list[str]] = {}
        for word, ours in self.severities.items():
            words.setdefault(ours, []).append(f"`{word}`")
        said = "; ".join(f"{' '.join(theirs)} {ours}" for ours, theirs in words.items())
        return f"Severity: {said or 'by the usual words'}; none said: {self.usual}."

    @property
    def more(self) -> str:
        return f"[More]({MORE[self.kind]})." if self.kind in MORE else ""

    def section(self) -> str:
        parts = [
            f"## {self.name}",
            self.words,
            self.severity,
            f"```yaml\n{self.yaml}```",
            self.instructions,
            self.becomes,
            self.more,
        ]
        return "\n\n".join(part for part in parts if part) + "\n"


def page() -> str:
    """The whole page."""
    entries = [Entry(kind) for kind in registry.SOURCES]
    rows = [f"| [{e.name}](#{anchor(e.name)}) | `{e.kind}` | {e.ends} | {PROOFS[e.proof][0]} |" for e in entries]
    table = ["| what sends | `type` | resolves by itself | best proof of the sender |", "| --- | --- | --- | --- |", *rows]
    usual = {ours: [word for word, meant in SEVERITY_WORDS.items() if meant is ours] for ours in Severity}
    words = "; ".join(f"{ours.name} is also `{'`, `'.join(theirs[1:])}`" for ours, theirs in usual.items())
    return HEAD.replace("WORDS", words) + "\n".join(table) + "\n\n" + "\n".join(entry.section() for entry in entries)


def anchor(heading: str) -> str:
    """As GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


if __name__ == "__main__":
    PAGE.write_text(page())
