"""What a good file becomes, and what each way to bring things in does."""

from pathlib import Path
from typing import Any

import pytest

from bot.config import Config, ConfigErrors, load
from bot.config.model import Config as Model

MINIMAL = """
chats: {console: {type: console}}
channels: {ops: {chat: console}}
sources: {prometheus: {type: alertmanager, auth: none}}
route: {channels: [ops]}
"""


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder / "config.yaml"


def load_text(folder: Path, text: str, **env: str) -> Config:
    return load(write(folder, config=text), env)


def mistakes(folder: Path, text: str, **env: str) -> list[str]:
    """Every mistake without the path of the file before it."""
    with pytest.raises(ConfigErrors) as found:
        load_text(folder, text, **env)
    return [str(problem).removeprefix(f"{folder}/") for problem in found.value.problems]


def test_the_least_config_gets_the_documented_defaults(tmp_path: Path) -> None:
    config = load_text(tmp_path, MINIMAL)
    assert (config.listen, config.public_url, config.store) == ("127.0.0.1:8080", "http://127.0.0.1:8080", "sqlite:///tocsin.db")
    assert config.keep == 90 * 86400
    assert config.admin.channel is None
    assert config.sensitivity.default == "internal"


def test_links_follow_listen_unless_told_otherwise(tmp_path: Path) -> None:
    assert load_text(tmp_path, MINIMAL + "listen: '[::1]:99'").public_url == "http://[::1]:99"
    assert load_text(tmp_path, MINIMAL + "public_url: https://t.example.com/").public_url == "https://t.example.com"


@pytest.mark.parametrize(
    "word", ["no", "NO", "off", "y", "3e8", "09:00", "1_000", "0o17", "007", "2026-01-06", ".5", "=", "0x1F"]
)
def test_plain_words_stay_texts(tmp_path: Path, word: str) -> None:
    test = f"tests: [{{alert: {{country: {word}}}, expect: {{channels: [ops]}}}}]"
    assert load_text(tmp_path, MINIMAL + test).tests[0].alert == {"country": word}


def test_a_key_that_looks_like_a_boolean_stays_a_key(tmp_path: Path) -> None:
    assert load_text(tmp_path, MINIMAL + "tests: [{alert: {on: x, 1: y}, expect: {channels: [ops]}}]").tests[0].alert == {
        "on": "x",
        "1": "y",
    }


def test_yes_is_understood_where_only_true_or_false_can_be_meant(tmp_path: Path) -> None:
    routes = "route: {channels: [ops], routes: [{continue: yes}, {continue: no}, {continue: true}]}"
    config = load_text(tmp_path, MINIMAL.replace("route: {channels: [ops]}", routes))
    assert [route.continue_ for route in config.route.routes] == [True, False, True]


def test_anchors_and_merge_keys_work(tmp_path: Path) -> None:
    text = MINIMAL + "groups:\n  a: &base {members: [], clearance: public}\n  b: {<<: *base, clearance: restricted}\n"
    groups = load_text(tmp_path, text).groups
    assert (groups["a"].clearance, groups["b"].clearance) == ("public", "restricted")
    text += "  c: &c {<<: *base}\n  d: {<<: [*c, {clearance: restricted}]}\n"
    assert load_text(tmp_path, text).groups["d"].clearance == "public"


def token(config: Config) -> str:
    value = config.sources["prometheus"].auth.bearer
    assert value is not None
    return value.get_secret_value()


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("${T}", "sesame"),
        ("a-${T}-${T}", "a-sesame-sesame"),
        ("$${T}", "${T}"),
        ("$$${T}", "$${T}"),
        ("${file:token}", "from a file"),
        ("$T {T} ${", "$T {T} ${"),
        ("${Q}", "${T}: [\n"),
    ],
)
def test_secrets_are_put_into_values(tmp_path: Path, written: str, read: str) -> None:
    (tmp_path / "token").write_text("from a file\n")
    text = MINIMAL.replace("auth: none", f"auth: {{bearer: '{written}'}}")
    assert token(load_text(tmp_path, text, T="sesame", Q="${T}: [\n")) == read


def test_a_secret_in_a_key_or_comment_is_plain_text(tmp_path: Path) -> None:
    text = MINIMAL + "# ${UNSET}\ntests: [{alert: {'${T}': x}, expect: {channels: [ops]}}]"
    assert load_text(tmp_path, text, T="sesame").tests[0].alert == {"${T}": "x"}


def test_no_secret_shows_when_the_config_is_printed(tmp_path: Path) -> None:
    text = MINIMAL.replace("auth: none", "auth: {bearer: '${T}'}") + "people: {a: {name: A, token: '${T}'}}\n"
    config = load_text(tmp_path, text + "store: postgresql://tocsin:${T}@db/tocsin\n", T="sesame")
    assert token(config) == "sesame"
    assert "sesame" not in repr(config)
    assert "sesame" not in str(config)


@pytest.mark.parametrize("value", ["", None])
def test_an_empty_or_unset_secret_is_one_mistake(tmp_path: Path, value: str | None) -> None:
    env = {} if value is None else {"T": value}
    state = "empty" if value == "" else "not set"
    assert mistakes(tmp_path, MINIMAL + "listen: ${T}\n", **env) == [
        f"config.yaml:6:9: listen: the environment variable T is {state}. Set T, or write ${{file:PATH}}."
    ]


def test_a_value_from_a_secret_is_hidden_in_its_mistake(tmp_path: Path) -> None:
    text = MINIMAL + "listen: ${T}\nadmin: {channel: '${T}'}\ntests: [{alert: {a: b}, at: '${T}', expect: {channels: '${T}'}}]"
    assert mistakes(tmp_path, text, T="sesame") == [
        "config.yaml:6:9: listen: the secret that is put in here does not fit. Look at the variable or file it comes from.",
        'config.yaml:7:18: admin.channel: unknown channel "<secret>"',
        "config.yaml:8:29: tests[0].at: the secret that is put in here does not fit. Look at the variable or file it comes from.",
        "config.yaml:8:56: tests[0].expect.channels: expected a list, found <secret>",
    ]


TEAM = """
channels: {db: {chat: console}}
time_intervals: {nights: [{times: [{start_time: 00:00, end_time: 06:00}]}]}
routes: [{name: db, match: ['team="db"'], channels: [db], mute_time_intervals: [nights]}]
inhibit: [{source: [a=b], target: [c=d]}]
sensitivity: {rules: [{match: [team=db], level: restricted}]}
tests: [{alert: {team: db}, expect: {channels: [db]}}]
"""


def test_a_team_owns_a_file(tmp_path: Path) -> None:
    web = "routes: [{name: web, match: [team=web]}]"
    config = load(write(tmp_path, config=MINIMAL + "include: team-*.yaml", **{"team-web": web, "team-db": TEAM}), {})
    assert [route.name for route in config.route.routes] == ["db", "web"]
    assert set(config.channels) == {"ops", "db"}
    assert set(config.time_intervals) == {"nights"}
    assert config.sensitivity.of({"team": "db"}) == "restricted"
    assert (len(config.inhibit), len(config.tests)) == (1, 1)


def test_mistakes_in_an_included_file_are_told_in_its_own_lines(tmp_path: Path) -> None:
    team = (
        "routes:\n  - {match: [team=db], channels: [dbb], chanels: [x]}\ninhibt: []\nchannels: {ops: {chat: consle}}\ntests: {}\n"
    )
    write(tmp_path, team=team)
    assert [line.removeprefix(f"{tmp_path}/") for line in mistakes(tmp_path, MINIMAL + "include: [team.yaml]\nkep: 1d\n")] == [
        'config.yaml:7:1: kep: unknown key "kep". Did you mean "keep"?',
        'team.yaml:2:35: routes[0].channels[0]: unknown channel "dbb". Known: "ops".',
        'team.yaml:2:41: routes[0].chanels: unknown key "chanels". Did you mean "channels"?',
        'team.yaml:3:1: inhibt: unknown key "inhibt". Did you mean "inhibit"?',
        f'team.yaml:4:12: channels.ops: the key "ops" is written twice, here and in {tmp_path}/config.yaml:3. Keep one of them.',
        "team.yaml:5:8: tests: expected a list",
    ]


def test_a_broken_included_file_stops_the_load_and_so_does_an_include_in_it(tmp_path: Path) -> None:
    write(tmp_path, team="routes: [", other="include: x.yaml")
    said = mistakes(tmp_path, MINIMAL + "include: [team.yaml, other.yaml]")
    assert [line.split(": ", 1)[1] for line in said] == [
        'include: unknown key "include". An included file may hold "routes", "channels", "inhibit", "time_intervals", '
        '"sensitivity", "tests"; all else stands in the main file.',
        "not valid YAML: a value is missing here",
    ]


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors, match=r"nowhere\.yaml: cannot be read \(no such file or directory\)"):
        load(tmp_path / "nowhere.yaml", {})
    (tmp_path / "latin.yaml").write_bytes(b"name: caf\xe9")
    with pytest.raises(ConfigErrors, match=r"latin\.yaml: is not UTF-8 text \(byte 10\)"):
        load(tmp_path / "latin.yaml", {})


def test_an_unknown_section_is_no_reason_to_call_all_its_names_unknown(tmp_path: Path) -> None:
    assert mistakes(tmp_path, MINIMAL.replace("channels: {ops", "chanels: {ops")) == [
        'config.yaml:2:1: "channels" is missing. Add it: named destinations of alerts.',
        'config.yaml:3:1: chanels: unknown key "chanels". Did you mean "channels"?',
    ]


def test_a_problem_is_data_for_scripts(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors) as found:
        load_text(tmp_path, MINIMAL + "listen: 5")
    [problem] = found.value.problems
    assert (problem.file, problem.line, problem.column, problem.path) == (str(tmp_path / "config.yaml"), 6, 9, "listen")


def test_every_field_is_documented() -> None:
    from bot.config.schema import json_schema

    def undocumented(name: str, node: Any) -> list[str]:
        fields = node.get("properties", {})
        return [f"{name}.{key}" for key, field in fields.items() if not {"description", "$ref"} & set(field)]

    schema = json_schema()
    nodes = {"Config": schema, **schema["$defs"]}
    found = [field for name, node in nodes.items() for field in undocumented(name, node)]
    assert [field for field in found if not field.endswith((".type", "Sensitivity.rules"))] == []  # their models say it
    assert schema["additionalProperties"] is False
    assert set(schema["properties"]) == set(Model.model_fields)
