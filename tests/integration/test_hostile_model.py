"""A hostile model in one call, a good one in another, on one worker, with the controller's real end of the link."""

import asyncio
import json
import uuid
from dataclasses import replace
from typing import Any, TypeVar

from aiohttp import web
from pydantic import SecretStr

from bridge import contract
from bridge.worker.process import Worker
from controller.workers.pool import WorkerPool
from controller.workers.worker_admission import WorkerAdmission
from simulator.realtime.faults import Send, after
from simulator.realtime.observer import Observed
from simulator.realtime.server import RealtimeServer
from tests.integration.test_worker_link import OPTIONS, PATIENCE
from tests.peers.audiosocket import AsteriskPeer

TOKEN = "a-long-enough-token"
TOOL = contract.FunctionTool(name="look_up", description="Look it up.", parameters={"type": "object"})
E = TypeVar("E")


def item_done(call: str, arguments: str, name: str = "look_up") -> dict[str, Any]:
    item = {"type": "function_call", "id": f"i{call}", "status": "completed", "name": name}
    whole = item | {"call_id": call, "arguments": arguments}
    return {"type": "response.output_item.done", "response_id": "r-hostile", "item": whole}


def transcript(text: str) -> dict[str, Any]:
    return {
        "type": "conversation.item.input_audio_transcription.completed",
        "item_id": f"t{len(text)}",
        "transcript": text,
    }


HOSTILE: tuple[dict[str, Any] | str | bytes, ...] = (
    transcript("half \ud83d"),
    transcript("nul \0 whole 😀"),
    transcript("x" * (2 << 20)),
    b'{"type":"conversation.item.input_audio_transcription.completed","item_id":"b","transcript":"\xed\xa0\xbd\xff"}',
    "[" * 100_000,
    '{"type":"response.created","response":' + '{"a":' * 5000 + "1" + "}" * 5001,
    '{"type":"session.updated","session":{"expires_at":' + "9" * 400 + "}}",
    '{"type":"response.done","response":{"id":"r-hostile","usage":{"total_tokens":1e400}}}',
    {"type": "error", "error": {"code": "\ud83d", "message": "\udfff" * 5000, "event_id": "\0"}},
    {"type": "\ud83d"},
    {"type": "response.created", "response": {"id": "r-hostile"}},
    item_done("half", '{"\\ud83d": "\\udfff", "nul": "\\u0000"}'),
    item_done("deep", '{"a":' * 210 + "1" + "}" * 210),
    item_done("long", json.dumps({"text": "x" * (2 << 20)})),
    item_done("number", '{"seconds": 1e999}'),
    item_done("\ud83d", "{}", name="\ud83d"),
    {"type": "response.done", "response": {"id": "r-hostile", "status": "completed"}},
)


class Controller:
    """What call control would hear."""

    def __init__(self) -> None:
        self.events: list[contract.CallEvent] = []
        self.lost: list[str] = []
        self.refused: list[str] = []
        self.links = 0
        self._news = asyncio.Event()
        self.workers = WorkerPool(
            WorkerAdmission("secret", shared=TOKEN), self._event, self.lost.append, on_refused=self.refused.append
        )

    def _event(self, event: contract.CallEvent) -> None:
        self.events.append(event)
        self._news.set()

    async def endpoint(self, request: web.Request) -> web.StreamResponse:
        self.links += 1
        return await self.workers.endpoint(request)

    def of(self, kind: type[E], call: str) -> list[E]:
        return [each for each in self.events if isinstance(each, kind) and getattr(each, "call", "") == call]

    async def wait(self, kind: type[E], call: str, count: int = 1) -> list[E]:
        async with asyncio.timeout(PATIENCE):
            while len(self.of(kind, call)) < count:
                self._news.clear()
                await self._news.wait()
        return self.of(kind, call)

    async def prepare(self, server: RealtimeServer) -> tuple[str, str]:
        """The call, and the media id of its connection."""
        call, media = str(uuid.uuid4()), str(uuid.uuid4())
        async with asyncio.timeout(PATIENCE):
            while not self.workers.has_room():
                await self.workers.wait_changed()
        self.workers.assign(call)
        provider = contract.Provider(url=server.url, api_key=SecretStr("sk-test"))
        spec = contract.SessionSpec(agent="a", provider=provider, instructions="i", tools=(TOOL,))
        await self.workers.send(call, contract.Prepare(call=call, spec=spec))
        await self.wait(contract.Ready, call)
        await self.workers.send(call, contract.ExpectMedia(call=call, media=media, seconds=10))
        return call, media


async def answered(server: RealtimeServer, count: int) -> None:
    """Every call of a tool got its answer."""
    session = await server.session()
    await session.wait_for(lambda it: len(outputs(it)) >= count, PATIENCE)
    assert {call: output.split(".")[0][:24] for call, output in outputs(session)} == {
        "half": "\ufffd",
        "deep": "Not done: the text of th",
        "long": "Not done: the text of th",
        "number": "Not done: the text of th",
        "\ufffd": "There is no tool named \ufffd",
    }


def outputs(session: Observed) -> list[tuple[str, str]]:
    items = [frame["item"] for frame in session.client_events("conversation.item.create")]
    return [(item["call_id"], item["output"]) for item in items if item["type"] == "function_call_output"]


async def test_a_hostile_model_costs_neither_the_link_nor_the_other_call() -> None:
    controller = Controller()
    app = web.Application()
    app.router.add_get(contract.LINK_PATH, controller.endpoint)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"ws://127.0.0.1:{runner.addresses[0][1]}{contract.LINK_PATH}"
    worker = Worker(replace(OPTIONS, controller=url), TOKEN)
    running = asyncio.create_task(worker.run())
    hostile = RealtimeServer(faults=[after("input_audio_buffer.append", *map(Send, HOSTILE))])
    async with hostile, RealtimeServer() as good:
        (bad, bad_media), (kind, kind_media) = await controller.prepare(hostile), await controller.prepare(good)
        calls = bad, kind
        async with (
            AsteriskPeer(*worker.address, bad_media) as bad_leg,
            AsteriskPeer(*worker.address, kind_media) as leg,
        ):
            for call, peer in zip(calls, (bad_leg, leg), strict=True):
                await controller.wait(contract.MediaConnected, call)
                await controller.workers.send(call, contract.Greet(call=call))
                await peer.hear(1)
            (tool,) = await controller.wait(contract.ToolCalled, calls[0])
            assert tool.arguments == {"\ufffd": "\ufffd", "nul": "\ufffd"}
            answer = contract.AnswerTool(call=calls[0], tool_call=tool.tool_call, output="\ud83d")
            await controller.workers.send(calls[0], answer)
            said = await controller.wait(contract.Said, calls[0], 4)
            assert [each.text[:12] for each in said[:2]] == ["half \ufffd", "nul \ufffd whole "]
            await answered(hostile, 5)
            assert controller.of(contract.Ended, calls[0]) == controller.of(contract.Ended, calls[1]) == []
            for call in calls:
                await controller.workers.send(call, contract.Close(call=call, reason="over"))
                await controller.wait(contract.Ended, call)
    assert (controller.links, controller.refused, controller.lost, worker._link.refused) == (1, [], [], 0)
    assert not running.done()
    worker.stop()
    await running
    controller.workers.close()
    await runner.cleanup()
