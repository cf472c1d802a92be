"""The simulator's authentication and its faults: who is refused, and which faults can be injected."""

import asyncio
import base64
import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from simulator.realtime import (
    CallTool,
    Close,
    Delivery,
    Drop,
    RealtimeServer,
    Repeat,
    Say,
    Send,
    Skip,
    Stall,
    ToneModel,
    after,
    answer,
    before,
    error,
    expired,
    refuse,
    tone,
)
from simulator.realtime.faults import Script
from tests.peers.realtime import MODEL, Client

AT_ONCE = Delivery(pace=0)
DELTA = "response.output_audio.delta"


async def status_of(
    server: RealtimeServer, *, path: str = "", query: str = f"?model={MODEL}", key: str = "sk-test"
) -> int:
    """The HTTP status of an upgrade that is refused."""
    url = server.url.removesuffix("/v1/realtime") + (path or "/v1/realtime") + query
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    with pytest.raises(InvalidStatus) as refused:
        async with connect(url, additional_headers=headers, proxy=None):
            pass
    return refused.value.response.status_code


async def test_the_upgrade_is_refused_as_openai_refuses_it() -> None:
    async with RealtimeServer() as server:
        assert await status_of(server, key="") == 401
        assert await status_of(server, key="sk-wrong") == 401
        assert await status_of(server, query="") == 400
        assert await status_of(server, path="/v1/chat") == 404
        assert server.sessions == []


async def test_faults_by_the_number_of_the_attempt() -> None:
    async with RealtimeServer(faults={0: [refuse(503)], 1: [refuse(429)]}) as server:
        assert await status_of(server) == 503
        assert await status_of(server) == 429
        async with Client(server) as client:
            await client.wait("session.created")
        assert server.attempts == 3


async def test_beta_clients_and_unknown_models_are_turned_away() -> None:
    async with RealtimeServer() as server:
        async with Client(server, headers={"OpenAI-Beta": "realtime=v1"}) as client:
            assert (await client.wait("error"))["error"]["code"] == "beta_api_shape_disabled"
            assert await client.wait_over() == 4000
        async with Client(server, model="my-model") as client:
            assert (await client.wait("error"))["error"]["code"] == "model_not_found"
            assert await client.wait_over() == 4000


CLOSES: list[tuple[Script, int]] = [
    (after("session.created", Close(1011)), 1011),
    (after("input_audio_buffer.append", Close(1012)), 1012),
    (after("session.update", *expired()), 1001),
    (after(DELTA, Close(1013), nth=3), 1013),
    (after(DELTA, Drop(), nth=2), 1006),
    (after("response.function_call_arguments.done", Close(1011)), 1011),
]


@pytest.mark.parametrize(("fault", "code"), CLOSES)
async def test_the_line_breaks_at_its_moment(fault: Script, code: int) -> None:
    model = ToneModel([(Say("beep", 2.0), CallTool("hang_up"))])
    async with RealtimeServer(model, faults=(AT_ONCE, fault)) as server, Client(server) as client:
        for kind, fields in (
            ("session.update", {"session": {"type": "realtime"}}),
            ("input_audio_buffer.append", {"audio": "AAAA"}),
            ("response.create", {}),
        ):
            with contextlib.suppress(ConnectionClosed):
                await client.send(kind, **fields)
        assert await client.wait_over() == code
        session = await server.session()
        await session.wait_for(lambda each: each.closed)
        deltas = len(client.of(DELTA))
        if code == 1013:
            assert deltas == 3
        if code == 1001:
            assert client.of("error")[0]["error"]["code"] == "session_expired"


async def test_no_session_created() -> None:
    async with RealtimeServer(faults=[before("session.created", Skip())]) as server, Client(server) as client:
        await client.send("input_audio_buffer.clear")
        await client.wait("input_audio_buffer.cleared")
        assert client.types() == ["input_audio_buffer.cleared"]


async def test_a_slow_answer() -> None:
    async with RealtimeServer(faults=[before("session.updated", Stall(0.3))]) as server, Client(server) as client:
        await client.wait("session.created")
        loop = asyncio.get_running_loop()
        start = loop.time()
        await client.configure()
        assert loop.time() - start >= 0.3


async def test_a_server_that_falls_silent() -> None:
    async with RealtimeServer(faults=[after("session.created", Stall())]) as server, Client(server) as client:
        await client.wait("session.created")
        await client.send("input_audio_buffer.clear")
        session = await server.session()
        await session.wait_received("input_audio_buffer.clear")
        assert client.types() == ["session.created"]
        await session.act(Close(1011))
        assert await client.wait_over() == 1011


async def test_noise_on_the_wire() -> None:
    strange = {"type": "response.surprise.delta", "event_id": "e", "novel": [1]}
    faults = [after("session.created", Send("not json"), Send(strange), error("server_error", "Oops.", "server_error"))]
    async with RealtimeServer(faults=faults) as server, Client(server) as client:
        assert (await client.wait("error"))["error"]["type"] == "server_error"
        assert client.types() == ["session.created", "response.surprise.delta", "error"]
        assert client.garbage == ["not json"]


async def test_duplicate_tool_calls() -> None:
    faults = (answer(CallTool("transfer", call_id="c")), after("response.output_item.done", Repeat()))
    async with RealtimeServer(faults=faults) as server, Client(server) as client:
        await client.send("response.create")
        await client.wait("response.done")
        calls = [each["item"]["call_id"] for each in client.of("response.output_item.done")]
        assert calls == ["c", "c"]


async def test_deltas_that_tear_samples_apart() -> None:
    faults: list[Script] = [Delivery(pace=0, delta_bytes=4801), answer(Say("x", 0.5))]
    async with RealtimeServer(faults=faults) as server, Client(server) as client:
        await client.send("response.create")
        done = await client.wait("response.done")
        assert len(base64.b64decode(client.of(DELTA)[0]["delta"])) == 4801
        assert client.audio_of(done["response"]["id"]) == tone(0.5, 440)


async def test_stragglers_after_a_cancel() -> None:
    faults = [Delivery(pace=1.0, stragglers=2)]
    async with RealtimeServer(ToneModel([Say("x", 30.0)]), faults=faults) as server, Client(server) as client:
        await client.send("response.create")
        await client.wait(DELTA)
        await client.send("response.cancel")
        await client.wait("response.done")
        before_done = client.types().index("response.done")
        session = await server.session()
        await session.wait_for(lambda each: sum(s.type == DELTA for s in each.sent) >= 3)
        await client.send("input_audio_buffer.clear")
        await client.wait("input_audio_buffer.cleared")
        assert client.types()[before_done:].count(DELTA) == 2


async def test_a_response_in_the_models_mouth() -> None:
    faults = (AT_ONCE, answer(Say("scripted", 0.2, 700), nth=2))
    async with RealtimeServer(ToneModel(), faults=faults) as server, Client(server) as client:
        texts = []
        for nth in (1, 2):
            await client.send("response.create")
            done = await client.wait("response.done", nth)
            texts.append(done["response"]["output"][0]["content"][0]["transcript"])
        assert texts == ["beep", "scripted"]


async def test_idle_callers_are_spoken_to() -> None:
    async with RealtimeServer(faults=(AT_ONCE,)) as server, Client(server) as client:
        detection = {"type": "server_vad", "idle_timeout_ms": 5000}
        await client.configure(audio={"input": {"turn_detection": detection}})
        await client.speak(bytes(48 * 400))
        session = await server.session()
        await session.wait_for(lambda each: len(each.caller_audio) == 48 * 400)
        await client.send("response.create")
        await client.wait("response.done")
        # The timer itself is asyncio's: what happens when it rings is ours.
        session._idle_out()
        rung = await client.wait("input_audio_buffer.timeout_triggered")
        assert (rung["audio_start_ms"], rung["audio_end_ms"]) == (100, 400)
        assert (await client.wait("input_audio_buffer.committed"))["item_id"] == rung["item_id"]
        await client.wait("response.done", 2)
        assert isinstance(server.model, ToneModel)
        assert [turn.idle for turn in server.model.turns] == [False, True]


async def test_the_record_keeps_each_event_without_its_audio(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    async with RealtimeServer(faults=(AT_ONCE,), record=path, keep=False) as server, Client(server) as client:
        await client.speak(tone(0.02, 300))
        await client.send("response.create")
        await client.wait("rate_limits.updated")
    lines: list[dict[str, Any]] = [json.loads(line) for line in path.read_text().splitlines()]
    kinds = [(line["from"], line["event"]["type"]) for line in lines]
    assert ("client", "input_audio_buffer.append") in kinds
    assert ("server", DELTA) in kinds
    assert max(len(json.dumps(line)) for line in lines) < 4000


async def test_two_sessions_do_not_meet() -> None:
    server = RealtimeServer(lambda: ToneModel([Say("mine", 0.2)], forever=Say("second", 0.2)), faults=(AT_ONCE,))
    async with server, Client(server) as first, Client(server) as second:
        for client in (first, second):
            await client.send("response.create")
            done = (await client.wait("response.done"))["response"]
            assert done["output"][0]["content"][0]["transcript"] == "mine"
        ids = {each.of("response.created")[0]["response"]["id"] for each in (first, second)}
        assert len(ids) == 2
        assert [len(session.responses) for session in server.sessions] == [1, 1]
