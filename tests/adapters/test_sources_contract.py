"""What every source must do. Runs over the registry, so that a new source is tested before anyone writes a test for it.

`tests/payloads/<source>/X.json` (or .txt) is a body, `X.expected.json` what must come of it. Beside them may stand
`X.request.json` (headers, path, query, method) and `X.config.json` (the source's config). `X_firing` and `X_resolved` tell of the
same first alert and share `X.config.json`. The samples that `tocsin send --as` sends, adapters/samples/<source>/firing and
resolved, are bodies, too; what must come of them stands in tests/payloads. After a wanted change, write the new expectations
with `python -m tests.adapters.test_sources_contract [source …]`, and read the diff. What no body may do: test_sources_spoilt.py.
"""

import json
import sys
from pathlib import Path
from statistics import median

import pytest
from pydantic import ValidationError

from adapters import registry
from adapters.source_config import SourceConfig
from rules.alert import Verdict, merge
from tests.adapters.bodies import BODIES, FIRING, NOW, PAYLOADS, beside, each_source, outcome, reports_of, resolved_of

CLASSES = {kind: registry.load(spec) for kind, spec in registry.SOURCES.items()}
each_body = pytest.mark.parametrize("path", BODIES, ids=lambda path: f"{path.parent.name}/{path.stem}")


@each_source
def test_its_config_is_explained_and_asks_for_auth(kind: str) -> None:
    model = registry.load(registry.SOURCES[kind]).config_model
    assert issubclass(model, SourceConfig)
    fields = {name: field for name, field in model.model_fields.items() if name != "type"}
    assert [name for name, field in fields.items() if not field.description] == []
    with pytest.raises(ValidationError, match="auth\n  Field required"):
        model.model_validate({"type": kind})


@each_source
def test_it_has_samples(kind: str) -> None:
    assert [path for path in BODIES if path.parent.name == kind]


@each_source
def test_its_alerts_end(kind: str) -> None:
    """Either its samples show how it says so, or they end by themselves."""
    never_resolves = registry.load(registry.SOURCES[kind]).config_model.model_fields.get("close_after")
    shown = [path for path in FIRING if path.parent.name == kind]
    assert shown or (never_resolves and never_resolves.default)


@each_body
def test_golden(path: Path) -> None:
    assert outcome(path) == beside(path, "expected")


@each_body
def test_the_same_again_is_known_by_key_and_content(path: Path) -> None:
    first, again = reports_of(path), reports_of(path, NOW + 60)
    assert [(r.key, r.content, r.firing) for r in first] == [(r.key, r.content, r.firing) for r in again]
    assert len({r.key for r in first}) == len(first)


@pytest.mark.parametrize("path", FIRING, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_firing_and_resolved_are_the_same_alert(path: Path) -> None:
    fires, resolves = reports_of(path)[0], reports_of(resolved_of(path))[0]
    assert (fires.firing, resolves.firing) == (True, False)
    assert fires.key == resolves.key
    fire, end = fires.open(), resolves.open()
    assert fire.fingerprint == end.fingerprint
    assert fire.starts_at or not end.ends_at, "an end by the sender's clock, of a start by ours, may lie before it"
    known, verdict = merge(merge(None, fire, NOW)[0], end, NOW + 3600)
    assert (known.firing, verdict) == (False, Verdict.resolved)


def test_a_source_is_a_table_and_not_a_program() -> None:
    lines = {
        kind: len(Path(sys.modules[cls.__module__].__file__ or "").read_text().splitlines()) for kind, cls in CLASSES.items()
    }
    assert median(lines.values()) <= 60, lines


if __name__ == "__main__":
    for sample in BODIES:
        if not sys.argv[1:] or sample.parent.name in sys.argv[1:]:
            text = json.dumps(outcome(sample), indent=2, ensure_ascii=False)
            (PAYLOADS / sample.parent.name / f"{sample.stem}.expected.json").write_text(text + "\n")
