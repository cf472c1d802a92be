"""The flight recorder: what it keeps of a call, what it must never keep, and what is read off it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given, strategies as st

from bridge import contract
from controller.api.models.call_trace import TraceAnswer
from controller.ari.errors import NotFound, TimedOut
from controller.calls.machine import commands, inputs
from controller.calls.reporting import lifecycle, view
from controller.calls.reporting.call_log import Spread, Utterance
from controller.cli.doctor import report
from controller.telemetry import diagnosis
from controller.telemetry.call_trace import KEPT, STEPS, Step, Trace, Traces
from controller.telemetry.harmless_fields import Fact, scrubbed
from tests.integration.api_harness import call_view
from tests.unit.controller.calls.machine.test_table import SPEC

AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
CALL = "2b6c7a58-4d3f-4c62-9c07-1f6ab5a3a111"
NUMBER, WORD = "+4930123456", "Xylophon"
ME = call_view(id=CALL, caller=NUMBER, started_at=AT, answered_at=AT)


def began(call: str = CALL) -> lifecycle.CallBegan:
    return lifecycle.CallBegan("inbound", replace(ME, id=call))


def over(call: str = CALL) -> lifecycle.CallOver:
    return lifecycle.CallOver("inbound", "answered", 1.0, replace(ME, id=call))


def of(*told: lifecycle.LifecycleEvent) -> Trace:
    traces = Traces()
    traces.observe(began(), AT)
    for after, each in enumerate(told, 1):
        traces.observe(each, AT + timedelta(seconds=after))
    found = traces.of(CALL)
    assert found is not None
    return found


def failed(command: commands.Command, error: Exception) -> lifecycle.CommandDone:
    return lifecycle.CommandDone(CALL, command, error)


def told(*what: lifecycle.LifecycleEvent) -> list[tuple[str, str, dict[str, Fact]]]:
    return [(str(step.side), step.what, dict(step.facts)) for step in of(*what)][1:]


def test_asterisks_events_have_asterisks_names() -> None:
    assert told(
        lifecycle.InputTaken(CALL, inputs.LegEntered("c-1", ("answered", NUMBER))),
        lifecycle.InputTaken(CALL, inputs.LegGone("c-1", 16, 200)),
        lifecycle.InputTaken(CALL, inputs.LegGone("c-1", in_dialplan=True)),
        lifecycle.InputTaken(CALL, inputs.TimeUp("answer")),
    ) == [
        ("asterisk", "StasisStart", {"channel": "c-1"}),
        ("asterisk", "ChannelDestroyed", {"channel": "c-1", "cause": 16, "sip_status": 200, "in_dialplan": False}),
        ("asterisk", "StasisEnd", {"channel": "c-1", "in_dialplan": True}),
        ("call", "TimeUp", {"timer": "answer"}),
    ]


def test_what_was_done_and_what_failed() -> None:
    error = TimedOut("originate", None, f"no answer for '{NUMBER}' in time")
    found = told(
        lifecycle.CommandDone(CALL, commands.HangUp("c-1", "normal")), failed(commands.HangUp("c-2", "normal"), error)
    )
    assert found[0] == ("call", "HangUp", {"channel": "c-1", "sip_reason": "normal"})
    assert found[1][2]["failed"] == "TimedOut"
    assert NUMBER not in str(found)


def test_words_digits_and_arguments_are_not_kept() -> None:
    found = told(
        contract.Said(call=CALL, who="caller", text=f"{WORD} {NUMBER}", item="i"),
        contract.DigitPressed(call=CALL, digit="7"),
        contract.ToolCalled(call=CALL, tool_call="t", name=WORD, arguments={"to": NUMBER, "w": WORD}),
        lifecycle.TransferMoved(CALL, 1, "ringing", NUMBER, "agent", None),
        lifecycle.ParticipantMoved(CALL, "leg-1", "ringing", NUMBER, "ops", None),
        contract.Failed(call=CALL, kind="account", message=f"key '{WORD}' of {NUMBER}"),
        lifecycle.InputTaken(CALL, inputs.DigitsAsked("4711", "ops")),
        lifecycle.InputTaken(CALL, inputs.SayAsked(WORD, True, "ops")),
    )
    assert len(found) == 8
    assert not [word for word in (NUMBER, WORD, "4711", "'7'") if word in str(found)]
    assert found[0] == (
        *("worker", "said"),
        {"who": "caller", "interrupted": False, "ago_ms": 0, "consultation": False, "letters": 20},
    )


def test_the_ais_line_is_put_where_it_belongs() -> None:
    heard = contract.ConnectionStep(at_ms=500, kind="SpeechStarted")
    line = heard, contract.ConnectionStep(at_ms=900, kind="x", sent=True, times=3)
    trace = of(
        lifecycle.CommandDone(CALL, commands.PrepareAi(SPEC)),
        lifecycle.InputTaken(CALL, inputs.LegEntered("c-1")),
        contract.Ended(call=CALL, reason="over", connection_trace=line),
    )
    assert [(step.side, step.what, dict(step.facts)) for step in trace][2:4] == [
        ("ai", "← SpeechStarted", {}),
        ("ai", "→ x", {"times": 3}),
    ]
    assert [step.what for step in trace][4:] == ["StasisStart", "ended"]


def test_looking_at_silent_callers_is_no_step_and_mending_one_is() -> None:
    story = (inputs.CallerAudio(flowing=False), inputs.RtpCounted("c", 1), inputs.TimeUp("caller audio"))
    issued = (commands.StartTimer("caller audio", 0.6), commands.CountRtp("c"), commands.Rejoin("b", "c"))
    steps = told(
        contract.CallerAudio(call=CALL, flowing=False),
        *(lifecycle.InputTaken(CALL, each) for each in story),
        *(lifecycle.CommandDone(CALL, each) for each in issued),
    )
    assert [what for _, what, _ in steps] == ["Rejoin"]


def test_bounds() -> None:
    traces = Traces()
    for number in range(KEPT + 5):
        traces.observe(began(str(number)), AT)
        traces.observe(over(str(number)), AT)
    assert (traces.of("4"), traces.of("5") is None) == (None, False)
    traces.observe(began(), AT)
    for _ in range(STEPS + 5):
        traces.observe(lifecycle.InputTaken(CALL, inputs.TimeUp("x")), AT)
    long = traces.of(CALL)
    assert long is not None
    assert (len(long.steps), long.dropped) == (STEPS, 6)
    traces.observe(lifecycle.InputTaken("nobody", inputs.TimeUp("x")), AT)
    assert traces.of("nobody") is None


def test_a_second_attempt_goes_on_where_the_first_ended() -> None:
    trace = of(over(), began(), lifecycle.InputTaken(CALL, inputs.TimeUp("x")))
    assert [step.what for step in trace] == ["began", "over", "began", "TimeUp"]


@given(st.text(), st.from_regex(r"\+?[0-9]{4,15}", fullmatch=True), st.sampled_from(("'", '"', "`")))
def test_free_text_is_scrubbed(around: str, number: str, quote: str) -> None:
    assert number not in scrubbed(f"call {number} failed")
    assert WORD not in scrubbed(f"the word {quote}{WORD}{quote} is unknown")
    assert "@" not in scrubbed("write to zoe.x@example.com please")
    assert len(scrubbed(around)) <= 200


# ---------------------------------------------------------------- what is read off it

WELL = view.CallDetail(
    replace(ME, ended_at=AT + timedelta(seconds=30), outcome="answered", ended_by="caller"),
    transcript=(Utterance(AT, "caller", WORD, False, None),),
    counters=contract.Counters(frames_in=1500),
)


def worker(what: str, **facts: str | int | float | bool) -> Step:
    return Step(AT, "worker", what, facts)


MEDIA = (Step(AT, "call", "OpenMedia"), worker("media_connected"), worker("media_format", rate=24000, frame_bytes=960))


DIFFERENT = (
    worker("ai_warning", kind="session_differs", code="voice", detail="voice: asked marin, in force cedar", times=1),
    worker("ai_warning", kind="session_differs", code="voice", detail="2 times in this call", times=2),
)


def call_of(**changes: object) -> view.CallDetail:
    return replace(WELL, call=replace(WELL.call, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("detail", "steps", "wanted"),
    [
        (WELL, MEDIA, None),
        (call_of(outcome="busy", cause=17), (), "The other side was busy. (Q.850 cause 17)"),
        (call_of(outcome="failed", detail="no way to '+4930'"), (), "The call failed: no way to …"),
        (
            call_of(outcome="congestion", detail="Asterisk has no way to the trunk: x"),
            (),
            "Asterisk has no way to the trunk",
        ),
        (WELL, (failed(commands.OpenMedia("c"), TimedOut("external_media", None, "no answer")),), "OpenMedia failed"),
        (WELL, (failed(commands.HangUp("c", "normal"), NotFound("hangup", 404, "gone")),), None),
        (WELL, (worker("failed", kind="account", message="refuses the key"),), "No AI session: refuses the key"),
        (WELL, (worker("reconnected", gap_ms=900, planned=False),), "broke 1 times, for 900 ms"),
        (WELL, (worker("reconnected", gap_ms=9, planned=True),), None),
        (WELL, DIFFERENT, "not what the agent asks for (voice: asked marin, in force cedar), 3 times."),
        (WELL, (Step(AT, "call", "StateChanged", {"state": "failover"}),), "another took over"),
        (WELL, (Step(AT, "call", "OpenMedia"), worker("ready")), "never reached the worker"),
        (WELL, (worker("media_format", rate=8000, frame_bytes=320),), "Sound came at 8000 Hz"),
        (replace(WELL, counters=contract.Counters(late_frames=100)), (), "2.0 s of the caller came too late"),
        (replace(WELL, counters=contract.Counters(dropped_frames=75)), (), "1.5 s of the caller did not get through"),
        (replace(WELL, counters=contract.Counters(late_frames_out=100)), (), "2.0 s to the caller were never sent"),
        (replace(WELL, counters=contract.Counters(dropped_frames_out=75)), (), "1.5 s to the caller were not taken"),
        (replace(WELL, transcript=()), MEDIA, "Nothing was understood of the caller in 30 s"),
        (call_of(first_frame_ms=Spread(2100.0, 4000.0)), MEDIA, "waited 2.1 s"),
        (WELL, (Step(AT, "call", "ToolTimed", {"tool": "lookup", "ok": False}),), "1 calls of tools failed (lookup)"),
        (
            WELL,
            (Step(AT, "call", "ToolTimed", {"tool": "lookup", "ok": False, "reason": "dns"}),),
            "1 calls of tools failed (lookup: dns)",
        ),
        (call_of(transfer=view.TransferView(NUMBER, "agent", "failed", "busy")), (), "transfer (blind) failed: busy"),
        (call_of(ended_by="system: spend limit"), (), "ended by us"),
    ],
)
def test_reasons(detail: view.CallDetail, steps: tuple[Step | lifecycle.CommandDone, ...], wanted: str | None) -> None:
    whole = [step for each in steps for step in ([each] if isinstance(each, Step) else list(of(each))[1:])]
    found = diagnosis.reasons(detail, whole)
    if wanted is None:
        assert found == []
    else:
        assert any(wanted in each.message for each in found), found


REFUSED = (failed(commands.Answer("c"), TimedOut("answer", None, "no answer")),)


@pytest.mark.parametrize(
    ("changes", "steps", "told", "fix"),
    [
        ({"detail": "no bridge worker is free"}, (), "no bridge worker is free", "bridge.capacity"),
        ({"detail": "the media leg did not come up in time"}, (), "the media leg did not", "bridge.advertise"),
        ({"detail": "the AI session did not get ready in time"}, (), "did not get ready", "doctor --live"),
        ({"detail": "no AI (config): no such voice"}, (worker("failed", kind="config"),), "no such voice", "below"),
        ({"detail": "something new"}, (), "something new", "log"),
        ({"detail": "Answer: no answer"}, REFUSED, "Answer: no answer", "below"),
        ({}, REFUSED, "The call failed", "below"),
        (
            {"cause": 16},
            (),
            "after it was answered, and gave no reason that tells more (Q.850 cause 16): normal",
            "show",
        ),
        ({"cause": 0}, (), "(Q.850 cause 0): no cause", "dialplan show"),
        ({}, (), "gave no reason that tells more.", "pjsip set logger on"),
    ],
)
def test_a_call_that_failed_has_a_reason_and_what_to_do(
    changes: dict[str, object], steps: tuple[Step | lifecycle.CommandDone, ...], told: str, fix: str
) -> None:
    """And what it says is below, is below."""
    whole = [step for each in steps for step in ([each] if isinstance(each, Step) else list(of(each))[1:])]
    first, *others = diagnosis.reasons(call_of(outcome="failed", **changes), whole)
    assert (told in first.message, fix in first.fix) == (True, True), first
    assert bool(others) == ("below" in first.fix)


def test_each_kind_of_warning_is_told_in_words() -> None:
    assert set(get_args(contract.AiWarningKind)) == set(diagnosis.AI_WARNINGS)


def test_a_bundle_says_why_and_holds_nothing_personal() -> None:
    detail = replace(
        call_of(transfer=view.TransferView(NUMBER, "agent", "failed", "busy"), detail=f"to {NUMBER}"),
        transcript=(Utterance(AT, "caller", f"{WORD} {NUMBER}", False, None),),
    )
    said = contract.Said(call=CALL, who="caller", text=WORD, item="i")
    trace = of(lifecycle.InputTaken(CALL, inputs.LegEntered("c-1")), said)
    answer = TraceAnswer.of(detail, trace)
    text = report.summary(answer) + answer.model_dump_json()
    assert NUMBER not in text
    assert WORD not in text
    assert "- The transfer (blind) failed: busy." in text
    assert "1.000  asterisk  StasisStart             channel=c-1" in text
    assert "None that voiceai can see." in report.summary(TraceAnswer.of(WELL, Trace()))
