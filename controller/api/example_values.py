"""What stands in the examples of the OpenAPI document. [pure]

Owns the values: of fields by name, or by model and name where the name alone does not say it, and whole requests by
operation. tests/unit/controller/api/test_examples.py checks that each example is of its schema, and that no text is
left out.
"""

import json
from typing import Any

CALL = "3f0c5a52-6d0c-4c3e-9f06-0c2b6a1f3c11"
AT, LATER, LAST = "2026-11-23T09:30:00.005Z", "2026-11-23T09:30:04.412Z", "2026-11-23T09:31:02.500Z"
PERSON, OURS = "+493012345678", "+49301234567"
METADATA = {"order": "A-1017"}

VALUES: dict[str, Any] = {
    # calls
    **{"id": CALL, "call": CALL, "url": f"/v1/calls/{CALL}", "direction": "outbound", "state": "talking"},
    **{"agent": "reception", "agent_version": 3, "trunk": "main", "caller": OURS, "callee": PERSON, "node": "node1"},
    **{"started_at": AT, "answered_at": LATER, "ended_at": None, "outcome": None, "ended_by": None, "cause": None},
    **{"sip_status": None, "detail": None, "transfer": None, "supervision": None, "held_by": None, "muted": []},
    **{"caller_hold": False, "recording": "on", "participants": [], "place": None, "turns": 4, "cost": 0.041},
    **{"metadata": METADATA, "next": None, "unreachable_nodes": [], "leg": f"call-{CALL}-party-1", "by": "ops"},
    **{"to": "sales", "kind": "blind", "mode": "listen", "text": "Good morning, how can I help you?", "who": "agent"},
    **{"heard_ms": None, "interrupted": False, "consultation": False, "action": None, "party": PERSON, "reason": None},
    **{"result": "busy", "asked_by": "shop", "status": "queued", "path": f"/srv/calls/{CALL}.wav", "seconds": 61.5},
    **{
        "p50": 412,
        "max": 901,
        "attempt": 1,
        "attempts": [1],
        "number": 17,
        "message": "no AI session",
        "fix": "Check the API key of the provider.",
    },
    "fix": "Check the API key of the provider.",
    "UtteranceAnswer.agent": None,
    "PastCall.outcome": "answered",
    "PastCall.ended_by": "callee",
    "PastCall.ended_at": LAST,
    "PastCallDetail.outcome": "answered",
    "PastCallDetail.ended_by": "callee",
    "PastCallDetail.ended_at": LAST,
    "QueuePlace.attempts": [
        {"at": AT, "result": "busy", "detail": None, "trunk": "main", "cause": 17, "sip_status": 486}
    ],
    "CountersAnswer.usage": {"input_tokens": 1804, "output_tokens": 812},
    "TransferAnswer.state": "ringing",
    "SupervisionAnswer.state": "on",
    "SupervisionAnswer.to": "ada",
    "ParticipantAnswer.state": "ringing",
    "ParticipantAnswer.to": PERSON,
    "LegAnswer.state": "answered",
    "LegAnswer.kind": "transfer",
    "UnreachableNode.reason": "it does not answer",
    "WaitingAnswer.reason": "calling_hours",
    "WaitingAnswer.detail": "The calling hours of the trunk begin at 09:00.",
    "queue": None,
    "waiting": None,
    "counts": {"queued": 12, "dialing": 2, "ended": 340},
    "paused_trunks": [],
    "suspended_trunks": [],
    "SuspendedTrunkAnswer.outcome": "trunk_fault",
    "PastSound.url": f"/v1/history/{CALL}/recordings/1?attempt=1",
    "ToolTried.detail": "HTTP status 200",
    "PastSound.ended_with": "call",
    "PastCall.url": f"/v1/history/{CALL}?attempt=1",
    "PastCallDetail.url": f"/v1/history/{CALL}?attempt=1",
    "ToolUse.tool": "find_order",
    "PastEvent.type": "call.answered",
    "PastEvent.data": {"after_s": 4.407},
    **{"provider": "openai", "model": "gpt-realtime-2.1", "tokens": {"input_tokens": 180, "output_tokens": 81}},
    "UsageAnswer.kind": "response",
    "facts": {"state": "talking"},
    **{"side": "controller", "what": "call.answered"},
    # figures
    **{"outcomes": {"answered": 41, "busy": 3}, "day": "2026-11-23", "zone": "Europe/Berlin"},
    **{"StatisticsGroup.name": "reception", "Measure.name": "answered"},
    # alerts, webhooks, audit log
    **{"subject": "main", "receiver": "crm", "event": "m8qz3k-41", "operation": "place_call"},
    "request_id": "5f1d3f0f2a5b",
    **{"AlertAnswer.type": "trunk_suspended", "AlertAnswer.message": "The trunk main fails again and again."},
    "AlertAnswer.action": "Check the trunk: voiceai doctor.",
    "LetterAnswer.type": "call.ended",
    "LetterAnswer.reason": "HTTP status 500",
    **{"asked": {"agent": "reception", "to": "…78"}, "source": "192.0.2.10"},
    # keys and sessions
    **{"name": "shop", "prefix": "voiceai_k7", "key": "voiceai_k7f3…", "comment": "the web shop"},
    **{"scopes": ["read", "call"], "agents": None, "trunks": None, "sources": None, "created_by": "ops"},
    **{"changed_by": "ops", "used_from": "192.0.2.10"},
    "KeyAnswer.id": "k7f3m2q9xa",
    "KeyCreated.id": "k7f3m2q9xa",
    "ConsoleSessionAnswer.id": "s41",
    "ConsoleSessionAnswer.name": "ada",
    # the configuration
    **{"ResourceAnswer.kind": "agents", "ResourceInfo.kind": "agents", "ChangeAnswer.kind": "agents", "etag": '"3"'},
    **{"ResourceAnswer.name": "reception", "ResourceInfo.name": "reception", "ResourcePage.source": "store"},
    "content": {"instructions": "You are the receptionist of Gray Dental.", "greeting": "Good morning, Gray Dental."},
    "config": {"agents": {"reception": {"instructions": "You are the receptionist."}}},
    "lines": ["-greeting: Hello.", "+greeting: Good morning."],
    **{"changed": ["agents.reception"], "ignored": [], "restart": [], "ChangeAnswer.path": "greeting"},
    **{"method": "GET", "output": '{"state": "shipped"}', "ToolTried.url": "https://shop.example/orders/17"},
    **{"RouteAnswer.agents": {"reception": 100}, "variables": {"called": OURS}, "nearest": None},
    "AgentTestList.tests": {"books_a_table": {"caller": {"says": ["A table for two, please."]}}},
    # text sessions and softphones
    "TextSessionAnswer.id": "t-5d0c4c3e",
    "TextSessionAnswer.usage": {"input_tokens": 180, "output_tokens": 81},
    **{"tool": "find_order", "tool_call": "call_1", "arguments": {"number": "A-1017"}},
    **{"SoftphoneAnswer.id": "web-9f060c2b", "TransferOffer.id": "web-9f060c2b", "password": "one-call-only"},
    **{"uri": "sip:web-9f060c2b@voiceai", "websocket": "/v1/softphone/talks/web-9f060c2b/sip"},
    "target": "sip:agent@voiceai",
    **{"urls": ["stun:stun.example:3478"], "username": "voiceai", "credential": "turn-secret", "person": PERSON},
    "TransferOffer.state": "ringing",
    # workers and nodes
    **{"NodeAnswer.name": "node1", "WorkerAnswer.name": "w1", "RefusedWorkerAnswer.name": "w9", "home": "node1"},
    **{"WorkerAnswer.state": "ready", "media": "127.0.0.1:9092", "version": "0.9.0", "api_url": "http://node1:8080"},
    "RefusedWorkerAnswer.reason": "it speaks no version of the link that this controller does",
    "remote": "192.0.2.21",
    **{"trouble": None, "parts": {"asterisk": True, "workers": True}, "warnings": [], "link_version": 11},
    # events
    "event.StateChange.before": "connecting",
    "event.Said.item": "item_9",
    "event.AiWarning.kind": "rate_limited",
    "event.AiWarning.code": "tokens",
    "event.Ended.outcome": "answered",
    "event.Settled.outcome": "answered",
    "event.Ended.ended_by": "callee",
    "event.Transfer.state": "answered",
    "event.Transfer.to": "sales",
    "event.Participant.to": PERSON,
    "event.Supervision.to": "ada",
    "event.Tool.reason": None,
    "event.Recorded.seconds": 61.5,
}
"""By name of the field, or by model and field, which counts more. None: null."""

BODIES: dict[str, Any] = {
    "place_call": {
        **{"to": PERSON, "agent": "reception", "variables": {"name": "Ms Gray"}, "metadata": METADATA},
        "not_before": "2026-11-23T09:00:00+01:00",
    },
    "change_call": {"metadata": {"order": "A-1018", "note": None}},
    **dict.fromkeys(("mute", "unmute"), {"side": "agent"}),
    "send_digits": {"digits": "12#"},
    "say": {"text": "One moment, please.", "exact": True},
    "switch_agent": {"agent": "billing", "variables": {"invoice": "2026-118"}},
    "record": {"action": "pause"},
    "transfer": {"to": "sales", "kind": "attended", "announce": "A caller with a question about an invoice."},
    **dict.fromkeys(("decide_transfer", "decide_transfer_here"), {"accept": True}),
    "supervise": {"to": "ada", "mode": "listen"},
    "add_participant": {"to": PERSON},
    **dict.fromkeys(("pause_queue", "resume_queue"), {"trunk": "main"}),
    "cancel_queued": {"trunk": "main", "expected": 12},
    "replay_dead_letters": {"receiver": "crm"},
    "discard_dead_letters": {"receiver": "crm"},
    "drain_worker": {"seconds": 600},
    "put_draft": {"content": VALUES["content"]},
    "validate_draft": {"content": VALUES["content"]},
    "publish_draft": {"comment": "a shorter greeting"},
    "roll_back": {"version": 2, "comment": "back to the greeting of last week"},
    "set_trial": {"version": 4, "share": 10},
    "import_config": {"yaml": "agents:\n  reception:\n    instructions: You are the receptionist.\n", "dry_run": True},
    "try_http_tool": {"arguments": {"number": "A-1017"}},
    "test_route": {"to": OURS, "caller": PERSON, "trunk": "main", "at": "2026-11-23T09:00:00+01:00"},
    "run_agent_tests": {"tests": ["books_a_table"], "repeat": 3},
    "open_text_session": {"tools": "by_hand", "variables": {"name": "Ms Gray"}},
    "type_message": {"text": "Where is my order?"},
    "give_tool_result": {"tool_call": "call_1", "output": '{"state": "shipped"}'},
    "create_key": {"name": "shop", "scopes": ["read", "call"], "agents": ["reception"], "comment": "the web shop"},
    "change_key": {"scopes": ["read"]},
    "open_talk": {"agent": "reception", "variables": {"name": "Ms Gray"}},
    "open_supervisor_phone": {"call": CALL},
    "supervise_here": {"call": CALL, "mode": "whisper"},
    "forget_caller": {"number": PERSON},
}
"""By operation. One that is not here takes an empty body."""

TEXTS: dict[str, str] = {
    "export_config": "agents:\n  reception:\n    instructions: You are the receptionist.\n",
    "export_history": f"call,attempt,direction,agent\r\n{CALL},1,outbound,reception\r\n",
}
"""Answers that are no JSON, by operation."""

_ANSWERED = {"call": CALL, "attempt": 1, "number": 3, "after_s": 4.407}
STREAM_EVENT = {
    "id": "m8qz3k-41",
    "event": "call.answered",
    "data": json.dumps({"id": "m8qz3k-41", "type": "call.answered", "timestamp": LATER, "data": _ANSWERED}),
}
"""Of a stream."""
