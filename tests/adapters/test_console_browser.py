"""The console in a real Chromium: live without a reload, usable by keyboard, readable in the dark and on a phone."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import pytest
from playwright.async_api import ConsoleMessage, Page, ViewportSize, async_playwright, expect

from adapters.chat import ThreadNote
from rules.alert import Link, Severity
from rules.card import Line
from rules.incident import State
from tests.adapters.console_site import OPS, Site, make_card, running_site

CHROMIUM = next((path for path in ("/usr/bin/chromium", shutil.which("chromium"), shutil.which("google-chrome"))
                 if path and Path(path).exists()), None)  # fmt: skip
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
DESKTOP, PHONE = ViewportSize(width=1280, height=800), ViewportSize(width=375, height=812)
HOSTILE = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>' + "w" * 3000

pytestmark = [pytest.mark.real, pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: apt-get install chromium")]

# The contrast of every text with what lies behind it, as WCAG 2 counts it: what is below 4.5.
PALE = """() => {
  const rgb = (c) => (c.match(/[\\d.]+/g) || []).map(Number);
  const light = (c) => c.slice(0, 3).map((v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (e) => { for (; e; e = e.parentElement) {
    const c = rgb(getComputedStyle(e).backgroundColor); if (c.length === 3 || c[3] === 1) return c; } return [255, 255, 255]; };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !e.checkVisibility()) continue;
    const [a, b] = [light(rgb(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) found.push(`${ratio.toFixed(2)} ${e.className} ${walker.currentNode.data.slice(0, 30)}`);
  }
  return found;
}"""
SMALL = """() => [...document.querySelectorAll("button, .button, .channels a, input:not([type=hidden])")]
  .filter((e) => e.checkVisibility() && e.getBoundingClientRect().height < 44).map((e) => e.outerHTML.slice(0, 90))"""


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with running_site() as running:
        yield running


@asynccontextmanager
async def browsing(site: Site, size: ViewportSize = DESKTOP, scheme: Literal["dark", "light"] = "dark") -> AsyncIterator[Page]:
    """Ana, signed in by typing her token; at the end nothing may have been complained of."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        context = await browser.new_context(viewport=size, color_scheme=scheme)
        page = await context.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text) if _bad(message) else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto(site.url)
        await page.get_by_label("Your token").fill("token-of-ana")
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("status")).to_have_text("live")
        yield page
        assert complaints == []
        await browser.close()


def _bad(message: ConsoleMessage) -> bool:
    """Chromium logs every answer of 401 as an error; that one is how a page learns that its session is over."""
    return message.type in ("error", "warning") and "401 (Unauthorized)" not in message.text


async def show(site: Site, number: int = 42, **more: object) -> str:
    card = make_card(number, **more)  # type: ignore[arg-type]  # fields of Card, as make_card takes them
    ref = await site.console.post(OPS, card, f"k{number}")
    site.desk.watch(site.console, OPS, ref, card)
    return ref


async def test_a_card_arrives_is_acknowledged_and_discussed_without_a_reload(site: Site) -> None:
    async with browsing(site) as page:
        await page.evaluate("window.same = true")
        ref = await show(site)
        card = page.locator(f"#card-{ref}")
        await expect(card).to_contain_text("Web servers are down")
        await expect(page.locator("#assertive")).to_contain_text("#42 firing critical: Web servers are down")
        await expect(page.locator("#count-ops")).to_contain_text("1")
        await card.get_by_role("button", name="Ack #42").click()
        await expect(card).to_contain_text("Ana Petrova has it")
        await expect(page.locator("#reply")).to_contain_text("#42: ack done")
        await card.get_by_text("Timeline", exact=True).click()
        await site.console.reply_in_thread(OPS, ref, ThreadNote(42, ("Ana took it",)), "t")
        await expect(card.locator(".notes")).to_contain_text("Ana took it")
        assert await page.evaluate("window.same")
        assert [i.text for i in site.desk.invocations] == ["ack 42"]


async def test_dialogs_and_the_snooze_menu_complete_their_commands(site: Site) -> None:
    async with browsing(site) as page:
        ref = await show(site)
        card = page.locator(f"#card-{ref}")
        await card.get_by_role("button", name="Note #42").click()
        await page.get_by_label("What should others know?").fill("3 hosts are back")
        await page.keyboard.press("Enter")
        await expect(card.locator("blockquote")).to_have_text("3 hosts are back")
        await expect(page.locator("dialog[open]")).to_have_count(0)
        await card.locator("summary[data-verb=snooze]").click()
        await card.get_by_role("button", name="Snooze #42 for 1h").click()
        await expect(card).to_contain_text("snoozed")
        await card.get_by_role("button", name="Silence #42").click()
        await page.keyboard.press("Escape")
        await expect(page.locator("dialog[open]")).to_have_count(0)
        assert [i.text for i in site.desk.invocations] == ["note 42 -- 3 hosts are back", "snooze 42 1h"]


async def test_a_double_click_on_ack_does_not_take_it_back(site: Site) -> None:
    async with browsing(site) as page:
        ref, other = await show(site), await show(site, 43)
        ack = page.get_by_role("button", name="Ack #43")
        await ack.dblclick()
        await expect(page.locator(f"#card-{other}")).to_contain_text("Ana Petrova has it")
        await page.keyboard.press("/")
        await page.keyboard.type("help")
        await page.keyboard.press("Enter")
        await expect(page.locator("#reply")).to_contain_text("help")
        assert [i.text for i in site.desk.invocations] == ["ack 43", "help"]
        await expect(page.locator(f"#card-{ref}")).to_contain_text("firing")


async def test_a_command_by_keyboard_with_completion(site: Site) -> None:
    async with browsing(site) as page:
        ref = await show(site)
        await expect(page.locator(f"#card-{ref}")).to_be_visible()
        await page.keyboard.press("/")
        await page.keyboard.type("ack")
        await expect(page.get_by_role("option")).to_have_count(2)
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("ArrowDown")
        await expect(page.get_by_role("option", selected=True)).to_contain_text("ack 42")
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("combobox")).to_have_value("ack 42")
        await page.keyboard.press("Enter")
        await expect(page.locator("#reply")).to_contain_text("#42: ack done")
        await expect(page.locator(f"#card-{ref}")).to_contain_text("acknowledged")
        await expect(page.get_by_role("combobox")).to_have_value("")
        await expect(page.get_by_role("combobox")).to_be_focused()


async def test_an_edit_keeps_focus_and_what_was_opened(site: Site) -> None:
    async with browsing(site) as page:
        ref = await show(site, summary="long " * 200)
        card = page.locator(f"#card-{ref}")
        await card.locator(".long > summary").click()
        await card.get_by_role("button", name="Resolve #42").focus()
        await site.console.update(OPS, ref, make_card(summary="longer " * 200, severity=Severity.high))
        await expect(card).to_contain_text("longer")
        await expect(card.locator(".long .full")).to_be_visible()
        await expect(card.get_by_role("button", name="Resolve #42")).to_be_focused()


async def test_hostile_text_does_nothing_in_a_browser(site: Site) -> None:
    async with browsing(site) as page:
        ref = await show(site, title=HOSTILE, summary=HOSTILE, links=(Link(HOSTILE, "javascript:window.hacked=1"),))
        await expect(page.locator(f"#card-{ref}")).to_contain_text("<script>")
        assert await page.locator(f"#card-{ref} img, #card-{ref} script, #card-{ref} [onerror]").count() == 0
        await page.reload()
        await expect(page.locator(f"#card-{ref}")).to_contain_text("<script>")
        assert await page.evaluate("window.hacked") is None


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["dark", "light"])
async def test_every_width_and_scheme_is_readable(site: Site, size: ViewportSize, scheme: Literal["dark", "light"]) -> None:
    for severity in Severity:
        await show(site, 10 + severity, severity=severity, fields=((HOSTILE, HOSTILE),), note="a note", owner="Ana")
    lines = tuple(Line(HOSTILE, bool(severity), severity, 5.0) for severity in Severity)
    await show(site, 20, state=State.acknowledged, title=HOSTILE, lines=lines, more=25, links=(Link("runbook", "https://x.example"),))
    await show(site, 21, state=State.resolved, resolved_at=9.0, resolved_by="Ana")
    await show(site, 22, silenced="muted_by_silence", closing=True, snoozed_until=2e9)
    await site.console.direct_message("ana", "you are on call", "dm")
    async with browsing(site, size, scheme) as page:
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert await page.evaluate(PALE) == []
        if size is PHONE:
            assert await page.evaluate(SMALL) == []


async def test_a_session_that_ends_leads_to_the_sign_in_page(site: Site) -> None:
    async with browsing(site) as page:
        await page.get_by_role("combobox").fill("x")
        await expect(page.get_by_role("combobox")).to_have_value("x")
        site.desk.signed_in.live.clear()
        async with page.expect_navigation():
            await page.keyboard.press("Enter")
        await expect(page.get_by_label("Your token")).to_be_visible()
