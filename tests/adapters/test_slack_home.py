"""App Home and links: a person's own page, and cards only for those who may see them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec.structs import replace

from adapters.chat import Home, Invocation
from adapters.chats.slack.home import home_view
from adapters.chats.slack.unfurl import number_of
from tests.adapters.slack_site import ANA, DB, EVE, LOBBY, PUBLIC_URL, Site, a_card, site
from tests.standins.slack import Slack, View
from tests.standins.slack_limits import check_view

HOSTILE = "<!channel> @here <http://evil|click> *x* \u202e" + "y" * 100_000
LINK = f"{PUBLIC_URL}/incidents/42"


@pytest.fixture(params=["socket", "http"])
async def place(request: pytest.FixtureRequest) -> AsyncIterator[Site]:
    async with Slack() as slack, site(slack, http=request.param == "http") as found:
        yield found


def words(view: View | None) -> str:
    assert view
    return str(view.body["blocks"])


def full(count: int, text: str = "orders-db does not answer") -> Home:
    cards = tuple(replace(a_card(number), title=text, summary=text, owner=text) for number in range(1, count + 1))
    silences = tuple((f"3f9a{n}", f'{{team="{text}"}}', 1_790_000_000.0) for n in range(count))
    return Home(cards, cards, silences)


async def test_the_page_of_a_person(place: Site) -> None:
    place.desk.homes[ANA] = Home((a_card(42),), (a_card(7, title="forgotten-db"),), (("3f9a", '{team="db"}', 1_790_000_000.0),))
    assert (await place.slack.open_home(ANA)).acked
    await place.slack.until(lambda: place.slack.home(ANA))
    shown = words(place.slack.home(ANA))
    assert "#42 orders-db" in shown and "#7 forgotten-db" in shown and "acknowledged by you long ago" in shown
    assert '{team="db"}' in shown and "unsilence 3f9a" in shown
    await place.slack.open_home(EVE)
    await place.slack.until(lambda: place.slack.home(EVE))
    assert "no open incident" in words(place.slack.home(EVE)) and "orders-db" not in words(place.slack.home(EVE))


async def test_another_tab_is_not_drawn(place: Site) -> None:
    assert (await place.slack.open_home(ANA, tab="messages")).acked
    await place.chat.stop()
    assert place.slack.home(ANA) is None


async def test_a_button_at_home_acts_and_draws_the_page_anew(place: Site) -> None:
    view = await _home(place, Home((a_card(42),)))
    place.answers("#42 is acknowledged by Ana Petrova.")
    place.desk.homes[ANA] = Home()
    assert (await place.slack.press_in(view, "Ack")).acked
    await place.slack.until(lambda: "is acknowledged by Ana" in words(place.slack.home(ANA)))
    assert "no open incident" in words(place.slack.home(ANA))
    assert place.desk.invocations == [Invocation("work", ANA, "ack 42", "")] and place.slack.ephemerals() == []


async def test_a_menu_at_home(place: Site) -> None:
    view = await _home(place, Home((a_card(42),)))
    place.answers("done")
    await place.slack.choose_in(view, "tocsin:snooze", "1 hour")
    await place.slack.until(lambda: place.said == ["snooze 42 for 1h"])


async def test_a_silence_is_ended_at_home(place: Site) -> None:
    view = await _home(place, Home(silences=(("3f9a", '{team="db"}', 1_790_000_000.0),)))
    place.answers("Silence 3f9a is over.")
    await place.slack.press_in(view, "End it now")
    await place.slack.until(lambda: "3f9a is over" in words(place.slack.home(ANA)))
    assert place.said == ["unsilence 3f9a"]


async def test_a_dialog_from_home_is_told_of_there(place: Site) -> None:
    view = await _home(place, Home((a_card(42),)))
    modal = await (await place.slack.press_in(view, "Note")).modal()
    place.answers("Noted on #42.")
    place.desk.homes[ANA] = Home()
    await place.slack.submit(modal, {"Note": "x"})
    await place.slack.until(lambda: "Noted on #42." in words(place.slack.home(ANA)))
    assert place.said == ["note 42 -- x"] and "no open incident" in words(place.slack.home(ANA))


async def test_a_store_that_does_not_answer_is_told(place: Site) -> None:
    place.desk.broken = True
    await place.slack.open_home(ANA)
    await place.slack.until(lambda: place.slack.home(ANA))
    assert "does not answer right now" in words(place.slack.home(ANA))


async def _home(place: Site, home: Home) -> View:
    place.desk.homes[ANA] = home
    await place.slack.open_home(ANA)
    await place.slack.until(lambda: place.slack.home(ANA))
    found = place.slack.home(ANA)
    assert found
    return found


@pytest.mark.parametrize("home", [full(0), full(1), full(10), full(10, HOSTILE), full(10, ""), full(10, "😀" * 5000), full(60)])
def test_no_page_is_more_than_slack_takes(home: Home) -> None:
    view = home_view(home, 1_790_000_000.0)
    check_view(view, True)
    for block in view["blocks"]:
        texts = [block.get("text"), *(block.get("elements") or ())]
        for text in texts:
            if isinstance(text, dict) and text.get("type") == "mrkdwn":
                assert text["verbatim"] and "evil" not in text["text"] and "<!channel" not in text["text"]


@pytest.mark.parametrize(
    ("url", "public", "number"),
    [
        (LINK, PUBLIC_URL, "42"),
        (f"{LINK}/", PUBLIC_URL, "42"),
        (f"{LINK}?x=1#y", PUBLIC_URL, "42"),
        ("https://TOCSIN.example.com/incidents/42", PUBLIC_URL, "42"),
        ("https://a.example/t/incidents/1", "https://a.example/t/", "1"),
        ("https://a.example/incidents/1", "https://a.example/t/", ""),
        ("http://tocsin.example.com/incidents/42", PUBLIC_URL, ""),
        ("https://tocsin.example.com.evil/incidents/42", PUBLIC_URL, ""),
        ("https://x@tocsin.example.com/incidents/42", PUBLIC_URL, ""),
        (f"{PUBLIC_URL}/incidents/", PUBLIC_URL, ""),
        (f"{PUBLIC_URL}/incidents/4x", PUBLIC_URL, ""),
        ("https://[", PUBLIC_URL, ""),
        (f"{PUBLIC_URL}/incidents/42/../43", PUBLIC_URL, ""),
        ("", PUBLIC_URL, ""),
        (f"{PUBLIC_URL}/incidents/٣", PUBLIC_URL, ""),
    ],
)
def test_only_our_own_links_are_cards(url: str, public: str, number: str) -> None:
    assert number_of(url, public) == number


async def test_a_link_shows_the_card_without_buttons(place: Site) -> None:
    await place.card()
    await place.slack.say(ANA, DB, f"look: {LINK}")
    await place.slack.until(lambda: place.slack.unfurls())
    shown = str(place.slack.unfurls()[LINK])
    assert "orders-db does not answer" in shown and "tocsin:" not in shown.replace("tocsin.example", "").replace("tocsin-", "")


@pytest.mark.parametrize(("user", "channel"), [(EVE, DB), (ANA, LOBBY), (ANA, "C0ELSE")])
async def test_no_card_for_a_stranger_nor_where_it_may_not_be_seen(place: Site, user: str, channel: str) -> None:
    await place.card()
    await place.slack.say(user, channel, f"look: {LINK} and {PUBLIC_URL}/incidents/43")
    await place.chat._inbound.stop()
    assert place.slack.unfurls() == {} and not place.slack.calls("chat.unfurl")


async def test_a_link_in_a_message_that_is_still_written_shows_nothing(place: Site) -> None:
    await place.card()
    event: dict[str, Any] = {
        "type": "link_shared",
        "user": ANA,
        "channel": "COMPOSER",
        "message_ts": "U-1",
        "unfurl_id": "U",
        "source": "composer",
        "links": [{"url": LINK, "domain": "tocsin.example.com"}],
    }
    assert (await place.slack.event(event)).acked
    await place.chat._inbound.stop()
    assert not place.slack.calls("chat.unfurl")
