"""Our matchers beside those of Debian's amtool 0.25, which knows the classic syntax only."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from rules.matcher import Matcher, match_all, parse_matchers

AMTOOL = "/usr/bin/amtool"
needs_amtool = pytest.mark.skipif(not shutil.which(AMTOOL), reason="amtool (package prometheus-alertmanager) is not installed")

BOTH_TAKE = [
    "a=b", 'a="b"', "a!=b", 'a!="b"', "a=~b", 'a=~"b|c"', "a!~b", 'a!~"b|c"', "{a=b}", '{a="b"}', '{a="b",}', '{a="b" , }',
    '{ a = "b" }', '{a="b",c="d"}', "a=b,c=d", "a=b, c!=d ,", "a=", 'a=""', 'a!=""', "a!=", 'a=~""', 'a=~".+"', 'a!~".+"',
    'a="b,c"', 'a="{b}"', '{a="}"}', r'a="say \"b\""', r'a="b\\c"', r'a="b\nc"', 'a="b\nc"', r'a="\d"', r'a=~"\d+"', r"a=~\d+",
    r"a=b\c", r"a=b\nc", "a=b c", "a=~b.*", "a=~(b|c)", 'a=~"(b|c)"', 'a=~"(?:b|c)d?"', "a=~[a-c]", 'a=~"^b$"', 'a=~"b|"',
    'a=~"|"', 'a=~"(?i)B"', r'a=~"\Qb.c\E"', r'a=~"\pL+"', r'a=~"[[:alpha:]]"', 'a=~"b{1,2}"', 'a=~"(?s).*"', 'a=~".*"',
    'a=~"b.c"', 'a=~"."', "a:b=c", "_a=b", "A1=b", 'a=~"(?P<x>b)"', r'a=~"b\z"', "a=b/c:d", "a=b;c", "a=b!c", "a=b~c",
    "a=é", 'a="✓"', "", "{}",
]  # fmt: skip
BOTH_REFUSE = [
    "a", "a b", "=b", ",", "{,}", ",a=b", "a=b,,c=d", '="b"', 'a="b', 'a=b"', 'a=b"c', 'a="b"c', 'a="b" c', "a~b", "a!b", "{a}",
    'a=~"("', 'a=~"b)"', 'a=~"["', 'a=~"*"', 'a=~"b**"', 'a=~"(?=b)"', 'a=~"(?!b)"', r'a=~"\1"', r'a=~"\Z"', 'a=~"b{1001}"',
    'a=~"[c-a]"', r'a=~"\p{Nope}"', '"a=b"',
]  # fmt: skip
WE_TAKE = ['"a"=b', '"a b"="c"', "é=b", "a.b=c", "a-b=c", "1a=b", "a/b=c"]
"""The UTF-8 syntax of names came with Alertmanager 0.27."""
WE_REFUSE = [
    "{a=b", "a=b}", "{a=b}}", "{a=b},c=d}", "a==b", "a=~~b", "a=!b", "a=b=c", "a=b c=d", "a='b'", "a=`b`", "a=b'c", "a=~b{2}",
    r"a=b\"c",
]  # fmt: skip
"""The classic parser guesses: a brace too many is dropped or kept, `==` is a value that begins with `=`. UTF-8 refuses all."""

LABELS: list[dict[str, str]] = [
    {}, {"a": "b"}, {"a": "c"}, {"a": "bc"}, {"a": "B"}, {"a": "b", "c": "d"}, {"a": "b,c"}, {"a": "{b}"}, {"a": "}"},
    {"a": "b "}, {"a": 'say "b"'}, {"a": "b\\c"}, {"a": "b\nc"}, {"a": "\\d"}, {"a": "12"}, {"a": "b c"}, {"a": "é"}, {"a": "✓"},
    {"a": "b.c"}, {"a:b": "c", "_a": "b"}, {"A1": "b", "a": "bb"}, {"a": "b/c:d"}, {"a": "b;c"}, {"a": "b!c"}, {"a": "b~c"},
    {"a": "b\\nc"}, {"a": "b|c"}, {"a": "b|"}, {"a": "\n"},
]  # fmt: skip


def takes(text: str) -> bool:
    try:
        parse_matchers(text)
    except ValueError:
        return False
    return True


def write_config(path: Path, texts: list[str]) -> None:
    """One route for each text, all of them tried; the receiver's name is the text's place."""
    routes = [{"receiver": str(i), "continue": True, "matchers": [text]} for i, text in enumerate(texts)]
    receivers = [{"name": "none"}] + [{"name": str(i)} for i in range(len(texts))]
    path.write_text(yaml.safe_dump({"route": {"receiver": "none", "routes": routes}, "receivers": receivers}))


@pytest.mark.parametrize(
    ("texts", "amtool", "ours"),
    [
        pytest.param(BOTH_TAKE, True, True, id="both take"),
        pytest.param(BOTH_REFUSE, False, False, id="both refuse"),
        pytest.param(WE_TAKE, False, True, id="only we take: UTF-8 names"),
        pytest.param(WE_REFUSE, True, False, id="only we refuse: classic guesses"),
    ],
)
@pytest.mark.real
@needs_amtool
def test_amtool_takes_the_same_texts(texts: list[str], amtool: bool, ours: bool, tmp_path: Path) -> None:
    paths = [tmp_path / f"{i}.yml" for i in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        write_config(path, [text])
    done = subprocess.run([AMTOOL, "check-config", *map(str, paths)], capture_output=True, text=True, timeout=60, check=False)
    verdicts = dict(re.findall(r"^Checking '(.*)'  (SUCCESS|FAILED)", done.stdout, re.MULTILINE))
    theirs = {text: verdicts[str(path)] == "SUCCESS" for path, text in zip(paths, texts, strict=True)}
    assert theirs == dict.fromkeys(texts, amtool)
    assert {text: takes(text) for text in texts} == dict.fromkeys(texts, ours)


@pytest.mark.real
@needs_amtool
def test_amtool_matches_the_same_labels(tmp_path: Path) -> None:
    config = tmp_path / "all.yml"
    write_config(config, BOTH_TAKE)
    for labels in LABELS:
        written = [str(Matcher(name, "=", value)) for name, value in labels.items()]
        command = [AMTOOL, "config", "routes", "test", f"--config.file={config}", *written]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        theirs = [BOTH_TAKE[int(place)] for place in done.stdout.strip().split(",")]
        assert theirs == [text for text in BOTH_TAKE if match_all(parse_matchers(text), labels)], labels
