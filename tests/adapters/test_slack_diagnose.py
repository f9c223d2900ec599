"""`tocsin doctor` on broken set-ups: what is amiss, and the one thing to do."""

from collections.abc import AsyncIterator, Mapping

import pytest

from adapters.chats.slack import Slack as SlackChat
from rules.channel import Channel
from tests.adapters.slack_out import ANA, CHANNELS, DB, PUBLIC_URL, Clocked, a_channel, config, furnish
from tests.standins.slack import Slack

ACCOUNTS = {"ana": ANA}


@pytest.fixture
async def slack() -> AsyncIterator[Slack]:
    async with Slack(rates=False) as slack:
        furnish(slack)
        yield slack


async def diagnose(
    slack: Slack,
    channels: Mapping[str, Channel] = CHANNELS,
    accounts: Mapping[str, str] = ACCOUNTS,
    public_url: str = PUBLIC_URL,
    **more: str,
) -> dict[str, str]:
    """What was looked at -> the remedy, empty if it is well. The chat is not started."""
    desk = Clocked(slack)
    desk.public_url = public_url
    chat = SlackChat("work", config(slack, **(more or {"app_token": slack.app_token})), desk)
    found = await chat.diagnose(channels, accounts)
    assert all(one.ok == (not one.remedy) for one in found)
    assert slack.said() == []
    assert not any(
        token in one.remedy + one.what for one in found for token in (slack.bot_token, slack.app_token, slack.signing_secret)
    )
    return {one.what: one.remedy for one in found}


def amiss(found: Mapping[str, str]) -> dict[str, str]:
    return {what: remedy for what, remedy in found.items() if remedy}


async def only(
    slack: Slack, public_url: str = PUBLIC_URL, accounts: Mapping[str, str] = ACCOUNTS, **more: str
) -> tuple[str, str]:
    """The one thing that is amiss."""
    [(what, remedy)] = amiss(await diagnose(slack, CHANNELS, accounts, public_url, **more)).items()
    return what, remedy


async def test_all_is_well(slack: Slack) -> None:
    assert await diagnose(slack) == {
        "work: bot_token (@tocsin in Stand-in)": "",
        "work: scopes": "",
        "work: app_token": "",
        f"work: channel db ({DB})": "",
        "work: channel ops (C0OPS)": "",
        f"work: people.ana.slack ({ANA})": "",
    }


async def test_a_wrong_bot_token(slack: Slack) -> None:
    what, remedy = await only(slack, app_token=slack.app_token, bot_token="xoxb-wrong")
    assert what == "work: bot_token"
    assert remedy.startswith("Slack says invalid_auth. Open the app on api.slack.com/apps, OAuth & Permissions, copy")


async def test_a_revoked_bot_token(slack: Slack) -> None:
    slack.bot.dead = "token_revoked"
    what, remedy = await only(slack)
    assert what == "work: bot_token"
    assert remedy.startswith("Slack says token_revoked. Install the app into the workspace again")


async def test_swapped_tokens(slack: Slack) -> None:
    found = amiss(await diagnose(slack, bot_token=slack.app_token, app_token=slack.bot_token))
    assert found["work: bot_token"].startswith("You have put the app-level token there: Open the app")
    assert found["work: app_token"].startswith("You have put the bot token there: Open the app")
    assert slack.requests == []


async def test_a_wrong_app_token(slack: Slack) -> None:
    what, remedy = await only(slack, app_token="xapp-wrong")
    assert what == "work: app_token"
    assert remedy.startswith("Slack says invalid_auth. Open the app on api.slack.com/apps, Basic Information, App-Level Tokens")


async def test_an_app_token_without_its_scope(slack: Slack) -> None:
    slack.app.scopes.clear()
    what, remedy = await only(slack)
    assert what == "work: app_token"
    assert remedy.startswith("The token lacks the scope connections:write.")


async def test_missing_scopes_are_named(slack: Slack) -> None:
    slack.bot.scopes -= {"groups:history", "im:write"}
    assert await only(slack) == (
        "work: scopes",
        "Add groups:history, im:write under OAuth & Permissions, Bot Token Scopes, and install the app again.",
    )


async def test_a_channel_that_is_not_there(slack: Slack) -> None:
    del slack.workspace.channels[DB]
    assert await only(slack) == (
        f"work: channel db ({DB})",
        "Slack shows no such channel: correct channels.db.id; if it is private, write /invite @tocsin there.",
    )


@pytest.mark.parametrize("channel_id", ["", "#db", "db"])
async def test_a_channel_without_an_id(slack: Slack, channel_id: str) -> None:
    channels = {"db": a_channel(channel_id)}
    found = amiss(await diagnose(slack, channels))
    assert found == {
        f"work: channel db ({channel_id or 'no id'})": (
            "Write the id into channels.db.id: in Slack, click the channel's name; About ends with it (C…)."
        )
    }


async def test_the_bot_is_not_in_the_channel(slack: Slack) -> None:
    slack.workspace.channels["C0OPS"].members.remove(slack.workspace.bot_user)
    assert await only(slack) == ("work: channel ops (C0OPS)", "Write /invite @tocsin in the channel: the bot is not in it.")


async def test_an_archived_channel(slack: Slack) -> None:
    slack.workspace.channels["C0OPS"].archived = True
    what, remedy = await only(slack)
    assert what == "work: channel ops (C0OPS)"
    assert remedy.startswith("Unarchive the channel, or point channels.ops.id elsewhere")


async def test_a_public_channel_for_secrets(slack: Slack) -> None:
    slack.workspace.channels[DB].private = False
    what, remedy = await only(slack)
    assert what == f"work: channel db ({DB})"
    assert remedy == "Make the channel private, or lower its clearance: confidential alerts show in private channels only."


async def test_a_shared_channel_for_secrets(slack: Slack) -> None:
    slack.workspace.channels[DB].flags["is_ext_shared"] = True
    _, remedy = await only(slack)
    assert remedy == "End the sharing of the channel, or lower its clearance: outsiders must not read confidential alerts."


async def test_a_person_whom_slack_does_not_know(slack: Slack) -> None:
    found = amiss(await diagnose(slack, accounts={"ana": ANA, "ben": "U0NOBODY"}))
    assert found == {
        "work: people.ben.slack (U0NOBODY)": "Correct people.ben.slack: in Slack, open their profile, ⋮, Copy member ID (U…)."
    }


async def test_a_person_who_has_left(slack: Slack) -> None:
    slack.user(ANA, "ana", deleted=True)
    assert await only(slack) == (f"work: people.ana.slack ({ANA})", "Remove people.ana.slack: the account is deactivated.")


async def test_http_mode_needs_an_address_that_slack_can_call(slack: Slack) -> None:
    assert await only(slack, signing_secret=slack.signing_secret, public_url="http://127.0.0.1:8080") == (
        "work: public_url, which Slack calls",
        "Slack calls https addresses only, and public_url is http://127.0.0.1:8080: set it, or use app_token (Socket Mode).",
    )
    assert amiss(await diagnose(slack, signing_secret=slack.signing_secret)) == {}


async def test_slack_does_not_answer(slack: Slack) -> None:
    await slack.down()
    found = amiss(await diagnose(slack))
    assert set(found) == {"work: bot_token", "work: app_token"}
    assert all(
        remedy.startswith(f"Slack does not answer at {slack.api_url} (cannot reach 127.0.0.1") for remedy in found.values()
    )


async def test_slack_is_busy(slack: Slack) -> None:
    slack.faults.limit("auth.test")
    found = amiss(await diagnose(slack))
    assert found == {"work: bot_token": "Slack takes no more calls for now: run this again in a minute."}


async def test_socket_mode_is_off(slack: Slack) -> None:
    slack.faults.error("apps.connections.open", "socket_mode_not_enabled")
    what, remedy = await only(slack)
    assert what == "work: app_token"
    assert remedy == "Switch Socket Mode on: api.slack.com/apps, the app, Socket Mode, Enable."
