"""The whole way in a real Chromium: an alert through the webhook, a card that arrives live, Ack, a command, the edit, green."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import async_playwright, expect

from tests.adapters.test_console_browser import CHROMIUM, FLAGS
from tests.stories.telling import telling

pytestmark = [pytest.mark.real, pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: apt-get install chromium")]


async def test_a_night_in_the_browser(tmp_path: Path) -> None:
    async with telling(tmp_path, chat="console") as story, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        page = await browser.new_page()
        await page.goto(f"{story.url}/signin?code={story.app.sign_in.one_time_code('ana')}")
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("status")).to_have_text("live")
        await page.evaluate("window.same = true")

        await story.fires("PgDown", severity="critical", summary="Postgres is down")
        card = page.get_by_role("article").filter(has_text="Postgres is down")
        await expect(card).to_contain_text("firing critical")
        await card.get_by_role("button", name="Ack #1").click()
        await expect(card).to_contain_text("acknowledged critical")
        await expect(card).to_contain_text("Ana Petrova has it")
        await expect(page.locator("#reply")).to_contain_text("#1 is acknowledged by Ana Petrova.")

        await page.keyboard.press("/")
        await page.keyboard.type("note 1 failing over")
        await page.keyboard.press("Enter")
        await expect(card).to_contain_text("failing over")

        await story.resolves("PgDown", severity="critical", summary="Postgres is down")
        await expect(card).to_contain_text("closing", ignore_case=True)
        await story.passes("30s")
        await expect(card).to_contain_text("resolved critical")
        assert await page.evaluate("window.same"), "the page was loaded anew"
        await browser.close()
