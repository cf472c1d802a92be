"""What went wrong in a call, from its view and its trace: sentences for people, each with what to do. [pure]

Owns the rules. Nothing that anybody said is quoted; free text passes `harmless_fields.scrubbed`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from controller.calls.reporting.view import CallDetail
from controller.telemetry.call_trace import Step
from controller.telemetry.harmless_fields import scrubbed

SLOW_MS = 1500.0
LOST_FRAMES = 50
"""Frames of 20 ms: one second."""
HEARD_AFTER_S = 10.0

FAR_END = {
    "busy": "The other side was busy.",
    "no_answer": "The other side did not answer in time.",
    "declined": "The other side declined, or the network does not let this call through.",
    "congestion": "The carrier had no line free (congestion).",
    "invalid_number": "The carrier does not know the number, or not in this form.",
    "redirected": "The network named another address to call, which is not done.",
    "incompatible": "The two sides have no codec, encryption or SIP extension in common.",
    "trunk_fault": "The trunk does not accept our requests.",
}
FAR_END_FIX = {
    "redirected": "Call the address that the callee has now; the carrier knows it.",
    "incompatible": "Compare `allow`, `media_encryption` and `timers` of the endpoint with what the carrier asks.",
    "trunk_fault": "Look at the trunk's credentials and identity, and at its SIP messages (`pjsip set logger on`).",
}
NO_WAY = "Asterisk has no way to the trunk"
"""How the detail of a call begins whose trunk Asterisk could not dial (`rows.command_failure`)."""
NO_WAY_FIX = (
    "Does the trunk's endpoint exist, and has its aor a contact that answers? `pjsip show endpoints`; `voiceai doctor` "
    "looks at it."
)
FAILED_FIX = (
    ("no bridge worker is free", "`voiceai workers`: start one, or raise `bridge.workers` or `bridge.capacity`."),
    ("worker of this call", "The worker was lost: its log, and the controller's at that moment, say why."),
    (
        "did not get ready in time",
        "The provider was too slow or away: `voiceai doctor --live` opens a session as calls do.",
    ),
    (
        "media leg",
        "`bridge.advertise`, firewall: `voiceai doctor` tries it; `voiceai workers` says which is not reached.",
    ),
    ("can't connect to its worker", "`bridge.advertise`, firewall: `voiceai doctor` tries it."),
    ("who has answered", "AMD() of the context voiceai-answered did not end: compare it, and amd.conf, with ours."),
    ("cancelled before it was dialled", "Nothing: somebody has cancelled it."),
    ("can't be written down", "The store is away: `/readyz` and the log say why."),
    ("allow-list", "Add the number to `allow` of the trunk, if it may be dialled."),
    ("internal error", "Please report it, with the traceback in the log."),
)
"""What to do about a call that failed, by a part of its detail."""
CAUSES = {
    0: "no cause",
    16: "normal clearing",
    20: "subscriber absent",
    26: "non-selected user clearing",
    30: "response to status enquiry",
    31: "normal, unspecified",
    45: "no such cause in Q.850",
}
"""Of Q.850, those that say nothing about the far end."""
AI = {
    "account": "Key, quota or rights at the provider: `voiceai doctor --live` names it.",
    "config": "The provider refuses what the config asks for: model, voice or a tool's schema.",
    "transient": "The provider or the way there failed: its status page, the network; name another in `providers`.",
}

AI_WARNINGS = {
    "response_incomplete": (
        "The provider stopped a reply in the middle",
        "`max_output_tokens`: raise it. `content_filter`: look at the instructions, and at what was asked.",
    ),
    "response_failed": ("The provider could not generate a reply", "Its status page; another one in `providers`."),
    "rate_limited": (
        "The provider's rate limit was reached",
        "Raise the account's limits, or name another provider in `providers`.",
    ),
    "transcription_failed": (
        "What the caller said could not be transcribed",
        "`transcription` of the agent: its model and language, and whether the key may use that model.",
    ),
    "mcp_list_tools_failed": (
        "The provider could not list the tools of an MCP server",
        "`mcp` in the config: its url, authorization and allowed_tools; it must be reachable from the internet.",
    ),
    "mcp_call_failed": ("A tool of an MCP server failed", "The log of that server."),
    "session_differs": (
        "The provider's session was not what the agent asks for",
        "The agent's settings: does this model, and this server, know them? `voiceai doctor --live` shows them all.",
    ),
    "response_silent": ("A reply had neither sound nor a tool", "The agent's instructions; another model."),
    "audio_without_transcript": (
        "What the agent said came without its words, which the record lacks",
        "The provider's status page.",
    ),
    "transcript_without_audio": (
        "Words of the agent came without sound: the caller did not hear them",
        "The provider's status page.",
    ),
    "server_error": ("The provider reported errors", "This call's log names them."),
    "malformed_event": (
        "The provider sent events that make no sense",
        "Is `dialect` the right one for this server? Is something between us and it?",
    ),
}


@dataclass(frozen=True, slots=True)
class Reason:
    """A sentence on what went wrong, and one on what to do; empty: nothing is known."""

    message: str
    fix: str = ""


def reasons(detail: CallDetail, steps: Iterable[Step]) -> list[Reason]:
    """What went wrong, the most likely cause first. Empty: nothing is known to have gone wrong."""
    kept = tuple(steps)
    return [*_asterisk(detail, kept), *_ai(kept), *_sound(detail, kept), *_pace(detail), *_beside(detail, kept)]


def _asterisk(detail: CallDetail, steps: tuple[Step, ...]) -> Iterator[Reason]:
    call = detail.call
    told_by = [f"SIP {call.sip_status}"] if call.sip_status is not None else []
    told_by += [f"Q.850 cause {call.cause}"] if call.cause is not None else []
    cause = f" ({', '.join(told_by)})" if told_by else ""
    if call.detail is not None and call.detail.startswith(NO_WAY):
        yield Reason(f"{scrubbed(call.detail)}.", NO_WAY_FIX)
    elif call.outcome in FAR_END:
        fix = FAR_END_FIX.get(call.outcome, "Nothing is wrong here, unless it happens to every call.")
        yield Reason(FAR_END[call.outcome] + cause, fix)
    elif call.outcome == "failed":
        yield _failed(detail, cause, steps)
    told = {"Dial"} if call.detail is not None and call.detail.startswith(NO_WAY) else set()
    for step in steps:
        if "failed" in step.facts and step.facts["failed"] != "NotFound" and step.what not in told:
            yield Reason(f"{step.what} failed: {step.facts.get('reason', '')}", _mend(step))


def _failed(detail: CallDetail, told_by: str, steps: tuple[Step, ...]) -> Reason:
    """The reason of a call that failed: its detail, a step that failed, or Asterisk's cause, whichever is known."""
    call = detail.call
    if call.detail:
        fix = next((fix for part, fix in FAILED_FIX if part in call.detail), "")
        below = _any_failed(steps) or any(step.what == "failed" for step in steps)
        return Reason(f"The call failed{told_by}: {scrubbed(call.detail)}.", fix or (BELOW if below else LOG))
    if _any_failed(steps):
        return Reason(f"The call failed{told_by}.", BELOW)
    who = "before anybody had answered" if call.answered_at is None else "after it was answered"
    why = f": {CAUSES[call.cause]}" if call.cause in CAUSES else ""
    fix = (
        "A dialplan that it passes through may hang up (`dialplan show NUMBER@CONTEXT`); `pjsip set logger on` shows "
        "what the carrier says; Asterisk's log has the rest."
    )
    return Reason(f"Asterisk ended the call {who}, and gave no reason that tells more{told_by}{why}.", fix)


BELOW = "The steps that failed are named below."
LOG = "The controller's log has more at that moment; `voiceai doctor` looks at the rest."


def _any_failed(steps: tuple[Step, ...]) -> bool:
    return any("failed" in step.facts and step.facts["failed"] != "NotFound" for step in steps)


def _mend(step: Step) -> str:
    if step.what == "OpenMedia":
        return "Asterisk could not reach the worker: `bridge.advertise`, firewall (`voiceai doctor` tries it)."
    if step.facts["failed"] == "NoWorker":
        return "No worker was free: raise `bridge.capacity` or `bridge.workers`."
    if step.facts["failed"] in ("TimedOut", "Unavailable"):
        return "Asterisk did not answer: look at its log and load."
    return ""


def _ai(steps: tuple[Step, ...]) -> Iterator[Reason]:
    for step in steps:
        if step.what == "failed" and step.side == "worker":
            yield Reason(f"No AI session: {step.facts.get('message', '')}", AI.get(str(step.facts.get("kind")), ""))
    yield from _ai_warnings(steps)
    lost = [step for step in steps if step.what == "reconnected" and not step.facts.get("planned")]
    if lost:
        longest = max(int(step.facts.get("gap_ms", 0)) for step in lost)
        yield Reason(
            f"The line to the AI broke {len(lost)} times, for {longest} ms at the longest.",
            "Look at the network to the provider, and at its status page.",
        )
    if any(step.facts.get("state") == "failover" for step in steps):
        yield Reason("Its worker was lost, and another took over.", "Look at the worker's log: memory, CPU, a kill.")


def _ai_warnings(steps: tuple[Step, ...]) -> Iterator[Reason]:
    """Problems of the AI after which the call went on, one sentence per kind."""
    counted: Counter[str] = Counter()
    codes: dict[str, set[str]] = {}
    for step in steps:
        if step.what == "ai_warning":
            kind = str(step.facts.get("kind"))
            counted[kind] += int(step.facts.get("times", 1))
            codes.setdefault(kind, set()).update(filter(None, [_named(step)]))
    for kind, times in counted.items():
        told, fix = AI_WARNINGS.get(kind, (f"The AI's side had a problem ({kind})", "Look at this call's log."))
        named = f" ({', '.join(sorted(codes[kind]))})" if codes[kind] else ""
        yield Reason(f"{told}{named}, {times} times.", fix)


def _named(step: Step) -> str:
    """The code of a warning; for `session_differs` both values."""
    detail = str(step.facts.get("detail", ""))
    if step.facts.get("kind") == "session_differs":
        return detail if ", in force " in detail else ""  # else a total of what has been named
    return str(step.facts.get("code", ""))


def _sound(detail: CallDetail, steps: tuple[Step, ...]) -> Iterator[Reason]:
    seen = {step.what for step in steps if step.side == "worker"}
    if any(step.what == "OpenMedia" for step in steps) and seen and "media_connected" not in seen:
        yield Reason(
            "The media leg never reached the worker.", "`bridge.advertise`, firewall: `voiceai doctor` tries it."
        )
    for step in steps:
        if step.what == "media_format" and (step.facts.get("rate"), step.facts.get("frame_bytes")) != (24000, 960):
            told = f"Sound came at {step.facts.get('rate')} Hz, not at 24000: the agent sounds wrong and hears badly."
            yield Reason(told, "Asterisk must be 22.7 or newer (20.17, 21.12, 23.1).")
    if rejoined := sum(step.what == "Rejoin" for step in steps):
        fix = "This build of Asterisk drops RTP whose numbers go back: docs/asterisk.md tells of one that does not."
        yield Reason(f"Asterisk dropped what the caller sent, {rejoined} times; the leg joined its bridge anew.", fix)
    counters = detail.counters
    if counters is None:
        return
    if counters.late_frames > LOST_FRAMES:
        fix = "The network from Asterisk to the worker, or the worker's machine, stalls: see tick lateness."
        yield Reason(f"{counters.late_frames / 50:.1f} s of the caller came too late and were dropped.", fix)
    if counters.dropped_frames > LOST_FRAMES:
        fix = "The network to the provider is too slow or stalls."
        yield Reason(f"{counters.dropped_frames / 50:.1f} s of the caller did not get through to the AI.", fix)
    if counters.late_frames_out > LOST_FRAMES:
        fix = "The worker's machine is overloaded or stood still: see tick lateness."
        yield Reason(f"{counters.late_frames_out / 50:.1f} s to the caller were never sent.", fix)
    if counters.dropped_frames_out > LOST_FRAMES:
        fix = "Asterisk, or the network from the worker to it, stalls."
        yield Reason(f"{counters.dropped_frames_out / 50:.1f} s to the caller were not taken by Asterisk.", fix)
    call = detail.call
    talked = (call.ended_at - call.answered_at).total_seconds() if call.ended_at and call.answered_at else 0.0
    heard = any(said.who == "caller" for said in detail.transcript) or call.turns > 0
    if talked > HEARD_AFTER_S and not heard:
        fix = "A silent caller, or one-way sound: the NAT settings of the trunk (`voiceai doctor`), the firewall."
        yield Reason(f"Nothing was understood of the caller in {talked:.0f} s.", fix)


def _pace(detail: CallDetail) -> Iterator[Reason]:
    spread = detail.call.first_frame_ms
    if spread is not None and spread.p50 > SLOW_MS:
        fix = "Compare turn_first_delta (the AI) with turn_first_frame (ours); a smaller model answers sooner."
        yield Reason(f"The caller waited {spread.p50 / 1000:.1f} s for an answer, half of the time.", fix)


def _beside(detail: CallDetail, steps: tuple[Step, ...]) -> Iterator[Reason]:
    failed = [step for step in steps if step.what == "ToolTimed" and step.facts.get("ok") is False]
    if failed:
        tools = ", ".join(sorted(set(map(_tool, failed))))
        fix = "The log's `tool ran` lines of this call have the server's host and what happened."
        yield Reason(f"{len(failed)} calls of tools failed ({tools}).", fix)
    moved = detail.call.transfer
    if moved is not None and moved.state == "failed":
        why = scrubbed(moved.detail) if moved.detail else moved.outcome or "not told"
        yield Reason(f"The transfer ({moved.kind}) failed: {why}.", "Check the target, and the trunk's `allow`.")
    by = detail.call.ended_by or ""
    refused = not detail.call.agent  # `queue_trace` tells why
    if (
        by.startswith("system")
        and not refused
        and not (detail.call.outcome in ("failed", "congestion") and detail.call.detail)
    ):
        yield Reason(f"It was ended by us ({by}).", "A limit, or a shutdown: see the log at that moment.")


def _tool(step: Step) -> str:
    name, reason = str(step.facts.get("tool")), step.facts.get("reason")
    return f"{name}: {reason}" if reason else name
