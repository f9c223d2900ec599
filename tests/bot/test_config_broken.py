"""One broken file per mistake, named by it; beside it the answer, word for word."""

from pathlib import Path

import pytest

from bot.config import ConfigErrors, load

FOLDER = Path(__file__).parent / "broken"
MISTAKES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
ALL = "all_twenty"


def answer(name: str, monkeypatch: pytest.MonkeyPatch) -> ConfigErrors:
    monkeypatch.chdir(FOLDER)
    with pytest.raises(ConfigErrors) as found:
        load(f"{name}.yaml", {})
    return found.value


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_with_place_and_cure(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert str(answer(name, monkeypatch)) + "\n" == (FOLDER / f"{name}.txt").read_text()


@pytest.mark.parametrize("name", [name for name in MISTAKES if name != ALL])
def test_one_mistake_is_told_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(answer(name, monkeypatch).problems) == 1


def test_twenty_mistakes_are_told_at_once_in_the_order_of_their_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    problems = answer(ALL, monkeypatch).problems
    assert len(problems) == 20
    assert [problem.line for problem in problems] == sorted(problem.line for problem in problems)


def test_no_answer_lies_about_without_its_file() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.txt")) == MISTAKES
