"""One real call, seen complete over a stream and by webhook: the same events, in order, with valid signatures."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import httpx

from controller.events import schemas
from controller.events.envelope import Event
from simulator.audio.sound import tone
from simulator.realtime import CallTool, Say, ToneModel
from tests.e2e.installation import Installation, installation
from tests.e2e.test_inbound import GREETING, REPLY, greeted
from tests.integration.webhook_harness import SECRET, Got, assert_in_order, eventually, hook, receiver
from tests.peers.asterisk import Asterisk

TARGET = "+4930555123"


class Watch:
    """Reads a stream until it ends, or until the first call has ended."""

    def __init__(self) -> None:
        self.told: list[Event] = []
        self.opened = asyncio.Event()

    async def read(self, running: Installation, path: str) -> list[Event]:
        async with running.service.api.stream("GET", path, timeout=60) as response:
            assert response.status_code == 200
            self.opened.set()
            async for line in response.aiter_lines():
                if line.startswith("data: "):
                    self.told.append(schemas.adapter.validate_json(line.removeprefix("data: ")))
                    if self.told[-1].type == "call.ended":
                        break
        return self.told


def is_refusal(event: Event) -> bool:
    return isinstance(event.data, schemas.Tool) and event.data.ok is False


def without_personal(event: Event) -> dict[str, Any]:
    body: dict[str, Any] = event.without_personal().model_dump(mode="json")
    return body


async def test_an_inbound_call(asterisk: Asterisk, tmp_path: Path) -> None:
    notice = Say("I am connecting you.", 1.0, 880), CallTool("transfer", {"to": TARGET})
    async with receiver() as there:
        hooks = {"webhooks": {"crm": hook(there.url())}}
        async with (
            installation(asterisk, tmp_path, ToneModel([GREETING, notice, REPLY]), more=hooks) as running,
            running.refusing("486 Busy Here") as target,
        ):
            watch = Watch()
            watching = asyncio.create_task(watch.read(running, "/v1/events"))
            await watch.opened.wait()
            async with running.caller() as phone:
                await greeted(phone)
                phone.rtp.say(tone(0.6, 620))
                await target.wait("refused", timeout=15)
                call = await running.call_id()
                await eventually(lambda: any(map(is_refusal, watch.told)))
                await phone.hang_up()
                await running.ended(call)
            told = await watching
            of_call = await Watch().read(running, f"/v1/calls/{call}/events")
            kept = await written_down(running, call)
            await there.until(lambda seen: bool(seen.got) and seen.got[-1].body["type"] == "call.ended")
    assert of_call == told, "a stream of one call begins with its beginning"
    assert [event.data.number for event in told] == list(range(1, len(told) + 1))
    assert [each.body for each in there.got] == [without_personal(event) for event in told]
    assert there.forged == []
    assert_story(told)
    assert_kept(kept, told)


async def written_down(running: Installation, call: str) -> dict[str, Any]:
    """The record of a call that has ended."""
    async with asyncio.timeout(5):
        while True:
            kept = await running.api("GET", f"/v1/history/{call}")
            if kept["ended_at"] is not None:
                return kept
            await asyncio.sleep(0.02)


def assert_kept(kept: dict[str, Any], told: list[Event]) -> None:
    said = [event.data.text for event in told if isinstance(event.data, schemas.Said)]
    ended = told[-1].data
    assert isinstance(ended, schemas.Ended)
    assert [each["text"] for each in kept["transcript"]] == said
    assert (kept["outcome"], kept["ended_by"], kept["talked_s"]) == ("answered", "caller", ended.durations.talked)
    assert [each["tool"] for each in kept["tools"]] == ["transfer"]
    assert [(each["party"], each["outcome"]) for each in kept["legs"]] == [(TARGET, "busy")]
    assert len(kept["turn_times"]) == kept["turns"] == ended.turns
    assert sum(each["cost"] for each in kept["usage"]) > 0
    own = ("call.said", "call.turn", "call.used", "call.recorded")
    assert [each["type"] for each in kept["events"]] == [event.type for event in told if event.type not in own]


def assert_story(told: list[Event]) -> None:
    kinds = Counter(event.type for event in told)
    assert told[0].type == "call.started"
    assert told[-1].type == "call.ended"
    assert {"call.ringing", "call.answered", "call.state", "call.said", "call.turn"} <= kinds.keys()
    tools = [event.data for event in told if isinstance(event.data, schemas.Tool)]
    assert [(tool.tool, tool.state, tool.ok) for tool in tools] == [
        ("transfer", "called", None),
        ("transfer", "answered", False),
    ]
    moved = [event.data for event in told if isinstance(event.data, schemas.Transfer)]
    assert [(each.state, each.outcome, each.to) for each in moved] == [
        ("ringing", None, TARGET),
        ("failed", "busy", TARGET),
    ]
    ended = told[-1].data
    assert isinstance(ended, schemas.Ended)
    assert (ended.outcome, ended.ended_by, ended.callee) == ("answered", "caller", "5001")
    assert ended.durations.total > ended.durations.talked > 1
    assert ended.turns >= 1
    assert ended.first_frame is not None


async def test_a_placed_call_and_its_own_webhook(asterisk: Asterisk, tmp_path: Path) -> None:
    async with receiver() as there:
        more = {"call_webhooks": {"secret": SECRET, "allowed_hosts": ["127.0.0.1"], "personal": True}}
        async with (
            installation(asterisk, tmp_path, ToneModel(), more=more) as running,
            running.refusing("486 Busy Here") as phone,
        ):
            refused = await running.service.api.post("/v1/calls", json={"to": TARGET, "webhook": "http://10.0.0.1/"})
            assert (refused.status_code, refused.json()["type"]) == (422, "/problems/wrong-webhook")
            call = (await running.api("POST", "/v1/calls", to=TARGET, webhook=there.url("/own")))["id"]
            await phone.wait("refused")
            await there.until(lambda seen: bool(seen.got) and seen.got[-1].body["type"] == "call.settled")
            again: httpx.Response = await running.service.api.get(f"/v1/calls/{call}/events")
            assert again.text.rstrip().endswith("}"), "the stream of a call that is over ends"
    assert {each.lane for each in there.got} == {("/own", call)}
    kinds = [each.body["type"] for each in there.got]
    assert (kinds[:2], kinds[-2:]) == (["call.queued", "call.started"], ["call.ended", "call.settled"])
    assert there.got[-2].body["data"]["outcome"] == there.got[-1].body["data"]["outcome"] == "busy"
    assert there.got[-1].body["data"]["callee"] == TARGET
    assert there.forged == []
    assert_in_order([each for each in there.got if _live(each)])


def _live(got: Got) -> bool:
    return got.number > 0
