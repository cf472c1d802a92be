"""A past call in the console, in a real browser over real records: when each sentence began, what operators told the
agent, who was transferred to whom, and why the recording ends."""

import wave
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from bridge import contract
from controller.calls.reporting import lifecycle
from controller.calls.reporting.instructions import AgentInstructed
from tests.integration.console_harness import Console, console
from tests.peers.browser import look
from tests.unit.controller.events.test_factory import begun
from tests.unit.controller.views import CALL, call_view, later

pytestmark = pytest.mark.timeout(120)

HOSTILE = "<img src=x onerror=1> is here"


def said(who: Any, text: str, took: float, **more: Any) -> contract.Said:
    return contract.Said(call=CALL, who=who, text=text, item=text, took_ms=round(took * 1000), **more)


def story(sound: Path) -> list[tuple[float, lifecycle.LifecycleEvent]]:
    """Each with its second."""
    moved = "+4930555123", "ops"
    return [
        (0, begun()),
        (0, lifecycle.CallAnswered(CALL, "inbound", 0.0)),
        (0, lifecycle.StateChanged(CALL, "talking", "connecting")),
        (2.5, said("agent", "Good day.", 2.0, heard_ms=2000)),
        (6, said("caller", "When are you open?", 2.0)),
        (6.5, AgentInstructed(CALL, "ops", "instruct", HOSTILE, "reception")),
        (9, said("agent", "From nine to five.", 1.8, heard_ms=1800)),
        (9.1, AgentInstructed(CALL, "ops", "switch_agent", None, "night")),
        (9.2, lifecycle.TransferMoved(CALL, 1, "ringing", *moved, None, "attended")),
        (11, lifecycle.TransferMoved(CALL, 1, "answered", *moved, "answered", "attended")),
        (11, lifecycle.StateChanged(CALL, "transferred", "consulting")),
        (11.2, contract.Recorded(call=CALL, path=str(sound), seconds=11.2)),
        (14, lifecycle.SupervisionMoved(CALL, "ringing", "listen", 1, "ada", "ops", None)),
        (16, lifecycle.SupervisionMoved(CALL, "left", "whisper", 1, "ada", "ops", "answered")),
        (30, lifecycle.StateChanged(CALL, "ending", "transferred")),
        (30, over()),
    ]


def over() -> lifecycle.CallOver:
    view = call_view(answered_at=later(0), ended_at=later(30), outcome="answered", ended_by="caller", turns=2)
    return lifecycle.CallOver("inbound", "answered", 30.0, view)


async def kept(it: Console, sound: Path) -> None:
    with wave.open(str(sound), "wb") as file:
        file.setparams((2, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(4 * 8000 * 11) + bytes(4 * 1600))
    for seconds, what in story(sound):
        notice = it.records.maker.make(what, later(seconds))
        assert notice is not None
        it.records.records.take(notice)
    await it.records.written()


async def playing_from(page: Page, line: str) -> float:
    """Where in the recording a line's button leads."""
    await page.get_by_role("listitem").filter(has_text=line).get_by_role("button").click()
    await expect(page.locator(".line.here")).to_contain_text(line)
    return float(await page.evaluate("() => document.querySelector('audio').currentTime"))


async def test_a_past_call_says_when_each_sentence_began_and_who_did_what(tmp_path: Path) -> None:
    async with console(tmp_path) as it:
        page = it.page
        await kept(it, tmp_path / "a.wav")
        await it.go("history", "History")
        await page.get_by_role("link", name="+4930123").click()
        log = page.get_by_role("log")
        times = log.get_by_role("listitem").locator(".at")
        await expect(times).to_have_text(["0:00", "0:04", "0:06", "0:07", "0:09"])
        told = log.get_by_role("listitem").filter(has_text=HOSTILE)
        await expect(told).to_contain_text("Operator")
        await expect(told).to_contain_text("instruction, by ops")
        await expect(log.get_by_role("listitem").last).to_contain_text("Agent: night")
        assert await page.locator("main img").count() == 0

        await page.evaluate("() => { HTMLMediaElement.prototype.play = async () => {}; }")  # it stays where it was put
        parties = page.locator(".parties li")
        await expect(parties.nth(0)).to_contain_text("transfer (attended)answered+4930555123, by ops")
        await expect(parties.nth(1)).to_contain_text("supervision (whisper)answeredada, by ops")
        await expect(page.get_by_text("The recording ends with the transfer")).to_be_visible()
        assert await playing_from(page, "When are you open?") == pytest.approx(4.0, abs=0.05)
        assert await playing_from(page, "From nine to five.") == pytest.approx(7.2, abs=0.05)
        assert await playing_from(page, "Good day.") == pytest.approx(0.5, abs=0.05)
        assert await look(page, "past-parties") == []
