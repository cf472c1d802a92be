"""Valid inputs with which the fuzzer begins."""

import json
from collections.abc import Iterable
from pathlib import Path

import yaml
from pydantic import SecretStr

from bridge import contract
from tests.unit.bridge.audiosocket.test_wire import REAL
from tests.unit.bridge.realtime.conversation.stage import make_spec
from tests.unit.bridge.realtime.protocol.test_server_events import GA
from tests.unit.controller.configs import FULL, SMALL

UNIT = Path(__file__).parents[1] / "unit"
CALL = "0e4b9b86-6f3a-4cde-9d0c-2f6a1f0b9a77"


def audiosocket() -> Iterable[bytes]:
    yield from (frame for frame, _ in REAL)
    yield b"".join(frame for frame, _ in REAL)
    yield b"\x00\x00\x00"


def ari() -> Iterable[bytes]:
    for name in ("captured.jsonl", "composed.jsonl"):
        yield from (UNIT / "controller/ari" / name).read_bytes().splitlines()


def realtime() -> Iterable[bytes]:
    yield from (json.dumps(source).encode() for source, _ in GA)


def conversation() -> Iterable[bytes]:
    frames = list(realtime())
    yield b"\n!5\n".join([b"!0", *frames[:20]])
    yield b"\n".join([b"!0", *frames])


def link_events() -> Iterable[bytes]:
    events: tuple[contract.StrictModel, ...] = (
        contract.Hello(worker="w1", boot="b" * 32, pid=1, host="127.0.0.1", port=9092, capacity=9, calls=(CALL,)),
        contract.Heartbeat(load=contract.Load(sessions=1, lateness_p99_ms=0.5)),
        contract.Said(call=CALL, who="agent", text="Hello.", item="i1", heard_ms=20),
        contract.ToolCalled(call=CALL, tool_call="t1", name="transfer", arguments={"to": "sales", "n": [1, None]}),
        contract.TurnMeasured(call=CALL, turn=1, first_delta_ms=1.5, first_frame_ms=None),
        contract.Used(call=CALL, provider="p", model="m", kind="response", usage={"input": 3}, seconds=1.0),
        contract.Ended(call=CALL, reason="closed", counters=contract.Counters(usage={"x": 1})),
        contract.LiveReport(
            calls=(contract.LiveStatus(call=CALL, caller_dbfs=-9.0, agent_dbfs=None, speaking=("agent",), saying="He"),)
        ),
    )
    yield from (contract.encode(event).encode() for event in events)


def link_commands() -> Iterable[bytes]:
    spec = make_spec(provider=contract.Provider(api_key=SecretStr("sk-test")), turn_detection=contract.ServerVad())
    commands: tuple[contract.StrictModel, ...] = (
        contract.Welcome(retention=(contract.Retention(path="/srv/calls", keep_days=30),)),
        contract.ExpectMedia(call=CALL, media=CALL, seconds=10),
        contract.CheckMedia(check=CALL, media=CALL, seconds=10),
        contract.Prepare(call=CALL, spec=spec, history=(contract.HistoryItem(role="user", text="Hi."),)),
        contract.AnswerTool(call=CALL, tool_call="t1", output="{}", ok=False),
        contract.Close(call=CALL, reason="over"),
    )
    yield from (contract.encode(command).encode() for command in commands)
    yield b'{"type":"mute","call":"c","caller":true,"agent":false}'
    yield b'{"type":"record","call":"c","action":"start","recording":null}'
    yield b'{"type":"drain","seconds":1.5}'


def bodies() -> Iterable[bytes]:
    yield b'{"to":"+4930123456","trunk":"main","agent":"reception","variables":{"name":"Ada"},"timeout":30}'
    yield b'{"to":"sales","kind":"attended","announce":"Wants a refund.","timeout":20}'
    yield b'{"text":"Please hold.","exact":true}'
    yield b"{}"


def destinations() -> Iterable[bytes]:
    yield from (b"+49 (30) 123-456", b"front-desk", b"sip:bob@pbx.test", b"7000@queues", b"sales", b"0900123456")
    yield from (b"sip:bob@pbx.test:5060", b"100&PJSIP/200", b"${EXTEN}", b"1,,b(x)", "+49\u2011301".encode())


def arguments() -> Iterable[bytes]:
    yield b'{"a":"plain","b":"1","c":[1,2]}'
    yield b'{"a":"../x","b":null,"c":["/"]}'
    yield b'{"a":"%2e%2e","b":1e5}'


def configs() -> Iterable[bytes]:
    yield yaml.safe_dump(SMALL).encode()
    yield yaml.safe_dump(FULL).encode()
    yield b"a: &x [1, *x]\nb: {<<: {c: 1}}\n"
