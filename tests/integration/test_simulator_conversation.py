"""The simulator over a real socket: the events of a conversation, in order, valid by OpenAI's types."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest

from simulator.realtime import (
    CallTool,
    Delivery,
    Fail,
    Hang,
    Incomplete,
    RealtimeServer,
    Reply,
    Say,
    ToneModel,
    Write,
    tone,
)
from simulator.realtime.reply import Part
from tests.openai_shapes import check_client, check_server
from tests.peers.realtime import Client

SPEECH = tone(0.5, 300) + bytes(48 * 700)
AT_ONCE = Delivery(pace=0)


@pytest.fixture
async def served() -> AsyncIterator[list[RealtimeServer]]:
    """Put servers in; at the end every frame that passed is held against OpenAI's types."""
    servers: list[RealtimeServer] = []
    yield servers
    frames = [seen.event for server in servers for session in server.sessions for seen in session.sent]
    assert frames
    for frame in frames:
        check_server(frame)
    for session in (session for server in servers for session in server.sessions):
        if not session.refused:
            for seen in session.received:
                check_client(seen.event)


def serving(
    served: list[RealtimeServer], *replies: Part | Reply, delivery: Delivery = AT_ONCE, **named: Any
) -> RealtimeServer:
    server = RealtimeServer(ToneModel(replies, **named), faults=(delivery,))
    served.append(server)
    return server


async def test_a_turn_from_speech_to_answer(served: list[RealtimeServer]) -> None:
    async with serving(served, Say("one two", 0.5, 500), words=["hello"]) as server, Client(server) as client:
        created = (await client.wait("session.created"))["session"]
        assert created["audio"]["input"]["turn_detection"]["type"] == "server_vad"
        assert created["expires_at"] > 0
        await client.configure(audio={"input": {"transcription": {"model": "gpt-transcribe"}}})
        await client.speak(SPEECH)
        done = (await client.wait("response.done"))["response"]
        await client.wait("rate_limits.updated")
        assert done["status"] == "completed"
        assert done["output"][0]["content"] == [{"type": "output_audio", "transcript": "one two"}]
        assert client.audio_of(done["id"]) == tone(0.5, 500)
        heard = await client.wait("conversation.item.input_audio_transcription.completed")
        assert heard["transcript"] == "hello"
        item = heard["item_id"]
        assert (await client.wait("input_audio_buffer.speech_started"))["item_id"] == item
        assert (await client.wait("input_audio_buffer.committed"))["item_id"] == item
        order = [kind for kind in client.types() if "transcription" not in kind and not kind.endswith(".delta")]
        assert order == [
            "session.created",
            "session.updated",
            "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
            "conversation.item.added",
            "conversation.item.done",
            "response.created",
            "response.output_item.added",
            "conversation.item.added",
            "response.content_part.added",
            "response.output_audio.done",
            "response.output_audio_transcript.done",
            "response.content_part.done",
            "conversation.item.done",
            "response.output_item.done",
            "response.done",
            "rate_limits.updated",
        ]


async def test_barge_in_cancels_and_what_was_sent_may_be_truncated(served: list[RealtimeServer]) -> None:
    slow = Delivery(pace=1.0)
    async with serving(served, Say("a long story", 60.0), delivery=slow) as server, Client(server) as client:
        await client.send("response.create")
        first = await client.wait("response.output_audio.delta", 2)
        await client.speak(tone(0.2, 300))
        done = (await client.wait("response.done"))["response"]
        assert (done["status"], done["status_details"]["reason"]) == ("cancelled", "turn_detected")
        assert done["output"][0]["status"] == "incomplete"
        order = client.types()
        assert order.index("input_audio_buffer.speech_started") < order.index("response.done")
        received = len(client.audio_of(done["id"])) // 48
        error = await client.refusal(
            "conversation.item.truncate", item_id=first["item_id"], content_index=0, audio_end_ms=received + 1
        )
        assert error["message"] == f"Audio content of {received}ms is already shorter than {received + 1}ms"
        assert (error["code"], error["param"]) == ("invalid_value", "audio_end_ms")
        await client.send("conversation.item.truncate", item_id=first["item_id"], content_index=0, audio_end_ms=150)
        assert (await client.wait("conversation.item.truncated"))["audio_end_ms"] == 150
        session = await server.session()
        assert session.truncated == [(first["item_id"], 150, received)]


async def test_interruption_may_be_left_to_the_client(served: list[RealtimeServer]) -> None:
    async with serving(served, Hang(), Say("after")) as server, Client(server) as client:
        detection = {"type": "server_vad", "interrupt_response": False, "create_response": False}
        await client.configure(audio={"input": {"turn_detection": detection}})
        await client.send("response.create")
        response_id = (await client.wait("response.created"))["response"]["id"]
        await client.speak(SPEECH)
        await client.wait("input_audio_buffer.committed")
        assert client.of("response.done") == []
        error = await client.refusal("response.create")
        assert error["code"] == "conversation_already_has_active_response"
        assert response_id in error["message"]
        await client.send("response.cancel", response_id=response_id)
        done = (await client.wait("response.done"))["response"]
        assert done["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
        await client.send("response.create")
        assert (await client.wait("response.done", 2))["response"]["status"] == "completed"


async def test_a_tool_call_and_its_answer(served: list[RealtimeServer]) -> None:
    replies = (Say("one moment"), CallTool("lookup", {"number": "12345"}, call_id="call_a")), Say("found")
    async with serving(served, *replies) as server, Client(server) as client:
        await client.configure(tools=[{"type": "function", "name": "lookup", "parameters": {"type": "object"}}])
        await client.send("response.create")
        done = (await client.wait("response.done"))["response"]
        call = done["output"][1]
        assert (call["name"], call["call_id"], call["status"]) == ("lookup", "call_a", "completed")
        pieces = client.of("response.function_call_arguments.delta")
        assert "".join(each["delta"] for each in pieces) == call["arguments"] == '{"number": "12345"}'
        output = {"type": "function_call_output", "call_id": "call_b", "output": "{}"}
        assert (await client.refusal("conversation.item.create", item=output))["code"] == "invalid_tool_call_id"
        await client.send("conversation.item.create", item=output | {"call_id": "call_a", "output": "yes"})
        await client.send("response.create")
        await client.wait("response.done", 2)
        model = server.model
        assert isinstance(model, ToneModel)
        assert model.turns[1].outputs == (("lookup", "yes"),)
        assert set(model.turns[0].tools) == {"lookup"}


async def test_every_kind_of_ending(served: list[RealtimeServer]) -> None:
    replies = (Write("only text"), (), Fail("insufficient_quota", "No money."), Incomplete("content_filter"))
    async with serving(served, *replies) as server, Client(server) as client:
        endings = []
        for nth in range(1, 5):
            await client.send("response.create")
            endings.append((await client.wait("response.done", nth))["response"])
        assert [each["status"] for each in endings] == ["completed", "completed", "failed", "incomplete"]
        assert endings[0]["output"][0]["content"] == [{"type": "output_text", "text": "only text"}]
        assert endings[1]["output"] == []
        assert endings[2]["status_details"]["error"]["code"] == "insufficient_quota"
        assert endings[3]["status_details"]["reason"] == "content_filter"
        assert client.of("response.output_audio.delta") == []


async def test_items_can_be_made_found_and_removed(served: list[RealtimeServer]) -> None:
    async with serving(served, Say("yes", 0.2)) as server, Client(server) as client:
        item = {"id": "mine", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}
        await client.send("conversation.item.create", item=item)
        assert (await client.wait("conversation.item.done"))["item"]["id"] == "mine"
        await client.send("response.create")
        spoken = (await client.wait("response.done"))["response"]["output"][0]["id"]
        await client.send("conversation.item.retrieve", item_id=spoken)
        shown = (await client.wait("conversation.item.retrieved"))["item"]
        assert base64.b64decode(shown["content"][0]["audio"]) == tone(0.2, 440)
        await client.send("conversation.item.delete", item_id="mine")
        assert (await client.wait("conversation.item.deleted"))["item_id"] == "mine"
        for verb in ("retrieve", "delete"):
            error = await client.refusal(f"conversation.item.{verb}", item_id="mine")
            assert error["code"] == f"item_{verb}_invalid_item_id"
        assert [each.id for each in (await server.session()).history.items] == [spoken]


async def test_turns_by_hand(served: list[RealtimeServer]) -> None:
    async with serving(served) as server, Client(server) as client:
        await client.configure(audio={"input": {"turn_detection": None}})
        await client.speak(bytes(48 * 40))
        error = await client.refusal("input_audio_buffer.commit")
        assert error["code"] == "input_audio_buffer_commit_empty"
        assert "only has 40.00ms" in error["message"]
        await client.send("input_audio_buffer.clear")
        await client.wait("input_audio_buffer.cleared")
        await client.speak(bytes(48 * 200))
        await client.send("input_audio_buffer.commit")
        await client.wait("conversation.item.done")
        assert client.of("response.created") == []
        assert len((await server.session()).history.items[0].audio) == 48 * 200


async def test_what_only_a_session_can_refuse(served: list[RealtimeServer]) -> None:
    async with serving(served) as server, Client(server, model="gpt-realtime-1.5") as client:
        await client.wait("session.created")
        realtime = {"type": "realtime"}
        error = await client.refusal("session.update", session=realtime | {"reasoning": {"effort": "low"}})
        assert error["param"] == "session.reasoning"
        error = await client.refusal("session.update", session=realtime | {"model": "gpt-realtime-2"})
        assert error["param"] == "session.model"
        assert (await client.refusal("response.cancel"))["code"] == "response_cancel_not_active"
        error = await client.refusal("input_audio_buffer.append", audio="not base64!")
        assert (error["code"], error["param"]) == ("invalid_value", "audio")
        assert (await client.refusal("input_audio_buffer.append", audio="QQ=="))["code"] == "invalid_value"
        assert (await client.refusal("output_audio_buffer.clear"))["param"] == "type"
        await client.send_raw("{")
        assert (await client.wait("error", 7))["error"]["code"] == "invalid_json"
        await client.send("response.create")
        await client.wait("response.done")
        output = {"output": {"voice": "cedar"}}
        error = await client.refusal("session.update", session=realtime | {"audio": output})
        assert error["code"] == "cannot_update_voice"
        assert (await server.session()).config["audio"]["output"]["voice"] == "marin"


async def test_an_update_changes_only_what_it_names(served: list[RealtimeServer]) -> None:
    async with serving(served) as server, Client(server) as client:
        first = await client.configure(
            instructions="Be brief.", audio={"input": {"turn_detection": {"type": "server_vad", "threshold": 0.7}}}
        )
        assert first["audio"]["input"]["turn_detection"]["threshold"] == 0.7
        assert first["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 500
        second = await client.configure(audio={"input": {"noise_reduction": {"type": "near_field"}}})
        assert second["instructions"] == "Be brief."
        assert second["audio"]["input"]["turn_detection"] == first["audio"]["input"]["turn_detection"]
        third = await client.configure(audio={"input": {"turn_detection": {"type": "semantic_vad"}}}, instructions="")
        assert third["audio"]["input"]["turn_detection"]["eagerness"] == "auto"
        assert third["instructions"] == ""
        await client.speak(SPEECH + bytes(48 * 300))
        await client.wait("response.done")


async def test_a_response_aside_leaves_the_conversation_alone(served: list[RealtimeServer]) -> None:
    async with serving(served, Hang(), Say("aside", 0.2)) as server, Client(server) as client:
        await client.send("response.create")
        await client.wait("response.created")
        await client.send("response.create", response={"conversation": "none", "metadata": {"kind": "note"}})
        done = (await client.wait("response.done"))["response"]
        assert (done["conversation_id"], done["metadata"]) == (None, {"kind": "note"})
        assert (await server.session()).history.items == []


async def test_ten_minutes_in_one_burst(served: list[RealtimeServer]) -> None:
    async with serving(served, Say("on and on", 600.0)) as server, Client(server) as client:
        await client.send("response.create")
        done = (await client.wait("response.done"))["response"]
        assert len(client.audio_of(done["id"])) == 600 * 48000
        assert done["usage"]["output_token_details"]["audio_tokens"] == 12000


async def test_narrow_band_formats(served: list[RealtimeServer]) -> None:
    async with serving(served, Say("beep", 0.4)) as server, Client(server) as client:
        form = {"type": "audio/pcmu"}
        await client.configure(audio={"input": {"format": form}, "output": {"format": form}})
        await client.send("input_audio_buffer.append", audio=base64.b64encode(b"\xff" * 160).decode())
        await client.send("response.create")
        done = (await client.wait("response.done"))["response"]
        assert len(client.audio_of(done["id"])) == 3200
        assert len((await server.session()).caller_audio) == 960
