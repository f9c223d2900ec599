"""`tocsin doctor` on set-ups that are broken in one way each: the whole screen, word for word."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.bot.test_cli import Outcome
from tests.standins.slack import Slack

CONFIG = """
listen: 0.0.0.0:8080
store: sqlite:///FOLDER/tocsin.db
people: {ana: {name: Ana Petrova, slack: U01ANA}}
groups: {sre: {members: [ana], clearance: restricted}}
chats: {work: {type: slack, bot_token: "${BOT}", app_token: "${APP}", api_url: "URL"}}
channels:
  db: {chat: work, id: C0DB, clearance: confidential, audience: [sre]}
  ops: {chat: work, id: C0OPS}
sources: {prometheus: {type: alertmanager, auth: {bearer: b}}}
route: {channels: [ops]}
"""
STORE, SOURCE, BOT, SCOPES = "store", "source prometheus", "work: bot_token (@tocsin in Stand-in)", "work: scopes"
APP, DB, OPS, ANA = "work: app_token", "work: channel db (C0DB)", "work: channel ops (C0OPS)", "work: people.ana.slack (U01ANA)"
LOOKED_AT = (STORE, SOURCE, BOT, SCOPES, APP, DB, OPS, ANA)
COPY_BOT = "Open the app on api.slack.com/apps, OAuth & Permissions, copy the Bot User OAuth Token (xoxb-…) into bot_token."
MAKE_APP = (
    "Open the app on api.slack.com/apps, Basic Information, App-Level Tokens, make one with the scope connections:write "
    "and copy it (xapp-…) into app_token."
)


class Setup:
    """One that is well. `config` and `secrets` may be spoiled, and so may the workspace."""

    def __init__(self, slack: Slack, folder: Path) -> None:
        self.slack, self.folder = slack, folder
        self.config = CONFIG.replace("FOLDER", str(folder)).replace("URL", slack.api_url)
        self.secrets = {"BOT": slack.bot_token, "APP": slack.app_token}
        slack.user("U01ANA", "ana")
        slack.channel("C0DB", "db", ["U01ANA"], private=True)
        slack.channel("C0OPS", "ops", ["U01ANA"])

    async def screen(self, monkeypatch: pytest.MonkeyPatch) -> Outcome:
        """What the command prints. It runs in a thread, since the stand-in answers from this one."""
        path = self.folder / "config.yaml"
        path.write_text(self.config)
        for name, value in self.secrets.items():
            monkeypatch.setenv(name, value)
        return await asyncio.to_thread(Outcome, "doctor", "-c", str(path))

    def writes(self, old: str, new: str) -> None:
        assert old in self.config
        self.config = self.config.replace(old, new)

    def channel(self, channel: str, **changes: object) -> None:
        for name, value in changes.items():
            setattr(self.slack.workspace.channels[channel], name, value)


class Broken(NamedTuple):
    """`spoil`: what is done to a set-up that is well. `where`: the line about it, which reads `shown` if it says something else
    then. `unseen`: lines that cannot be told. In `remedy`, FOLDER stands for the folder."""

    name: str
    spoil: Callable[[Setup], object]
    where: str
    remedy: str
    shown: str = ""
    unseen: tuple[str, ...] = ()


BROKEN = [
    Broken(
        "the app was removed", lambda it: setattr(it.slack.bot, "dead", "token_revoked"), BOT,
        "Slack says token_revoked. Install the app into the workspace again (OAuth & Permissions), "
        "and copy the new token into bot_token.",
        shown="work: bot_token", unseen=(SCOPES, DB, OPS, ANA),
    ),
    Broken(
        "wrong bot token", lambda it: it.secrets.update(BOT="xoxb-wrong"), BOT,
        f"Slack says invalid_auth. {COPY_BOT}",
        shown="work: bot_token", unseen=(SCOPES, DB, OPS, ANA),
    ),
    Broken(
        "wrong app token", lambda it: it.secrets.update(APP="xapp-wrong"), APP,
        f"Slack says invalid_auth. {MAKE_APP}",
    ),
    Broken(
        "the bot token as app token", lambda it: it.secrets.update(APP=it.slack.bot_token), APP,
        f"You have put the bot token there: {MAKE_APP}",
    ),
    Broken(
        "app token without connections:write", lambda it: it.slack.app.scopes.clear(), APP,
        f"The token lacks the scope connections:write. {MAKE_APP}",
    ),
    Broken(
        "Socket Mode is off", lambda it: it.slack.faults.error("apps.connections.open", "socket_mode_not_enabled"), APP,
        "Switch Socket Mode on: api.slack.com/apps, the app, Socket Mode, Enable.",
    ),
    Broken(
        "missing scope", lambda it: it.slack.bot.scopes.discard("groups:history"), SCOPES,
        "Add groups:history under OAuth & Permissions, Bot Token Scopes, and install the app again.",
    ),
    Broken(
        "channel unknown", lambda it: it.slack.workspace.channels.pop("C0DB"), DB,
        "Slack shows no such channel: correct channels.db.id; if it is private, write /invite @tocsin there.",
    ),
    Broken(
        "a channel's name in place of its id", lambda it: it.writes("id: C0OPS", 'id: "#ops"'), OPS,
        "Write the id into channels.ops.id: in Slack, click the channel's name; About ends with it (C…).",
        shown="work: channel ops (#ops)",
    ),
    Broken(
        "the bot is not in the channel", lambda it: it.channel("C0OPS", members=["U01ANA"]), OPS,
        "Write /invite @tocsin in the channel: the bot is not in it.",
    ),
    Broken(
        "archived", lambda it: it.channel("C0OPS", archived=True), OPS,
        "Unarchive the channel, or point channels.ops.id elsewhere: nothing can be posted there.",
    ),
    Broken(
        "public, for confidential alerts", lambda it: it.channel("C0DB", private=False), DB,
        "Make the channel private, or lower its clearance: confidential alerts show in private channels only.",
    ),
    Broken(
        "shared, for confidential alerts", lambda it: it.slack.workspace.channels["C0DB"].flags.update(is_ext_shared=True), DB,
        "End the sharing of the channel, or lower its clearance: outsiders must not read confidential alerts.",
    ),
    Broken(
        "person unknown", lambda it: it.writes("U01ANA", "U0NOBODY"), ANA,
        "Correct people.ana.slack: in Slack, open their profile, ⋮, Copy member ID (U…).",
        shown="work: people.ana.slack (U0NOBODY)",
    ),
    Broken(
        "source without proof", lambda it: it.writes("auth: {bearer: b}", "auth: none"), SOURCE,
        "Set sources.prometheus.auth: whoever reaches 0.0.0.0:8080 can send alerts to it.",
    ),
    Broken(
        "no folder for the store", lambda it: it.writes("/tocsin.db", "/away/tocsin.db"), STORE,
        "Make the folder FOLDER/away, or correct `store`: there is none.",
    ),
    Broken(
        "no database", lambda it: (it.folder / "tocsin.db").write_bytes(b"x" * 5000), STORE,
        "Look at FOLDER/tocsin.db, which SQLite cannot read (file is not a database): "
        "move it away to begin anew, or restore a copy.",
    ),
]  # fmt: skip


async def test_all_is_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Slack(rates=False) as slack:
        shown = await Setup(slack, tmp_path).screen(monkeypatch)
    assert shown.out.splitlines() == [*(f"✔ {what}" for what in LOOKED_AT), "All is well."]
    assert (shown.code, shown.err) == (0, "")


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.name)
async def test_one_thing_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: Broken) -> None:
    async with Slack(rates=False) as slack:
        setup = Setup(slack, tmp_path)
        broken.spoil(setup)
        shown = await setup.screen(monkeypatch)
        assert slack.said() == []
    wanted = [f"✔ {what}" for what in LOOKED_AT if what not in broken.unseen]
    at = wanted.index(f"✔ {broken.where}")
    wanted[at : at + 1] = [f"✘ {broken.shown or broken.where}", f"  {broken.remedy.replace('FOLDER', str(tmp_path))}"]
    assert shown.out.splitlines() == [*wanted, "One thing to do."]
    assert (shown.code, shown.err) == (1, "")
    assert not any(secret in shown.out for secret in setup.secrets.values())


async def test_slack_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Slack(rates=False) as slack:
        setup = Setup(slack, tmp_path)
        await slack.down()
        shown = await setup.screen(monkeypatch)
    assert shown.out.splitlines() == [
        "✔ store", "✔ source prometheus", "✘ work: bot_token", away(slack, "auth.test"),
        "✘ work: app_token", away(slack, "apps.connections.open"), "2 things to do.",
    ]  # fmt: skip


def away(slack: Slack, method: str) -> str:
    reason = f"cannot reach 127.0.0.1 for {method}: ClientConnectorError"
    return f"  Slack does not answer at {slack.api_url} ({reason}): look at the network, the proxy and api_url."
