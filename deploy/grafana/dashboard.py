"""Prints the Grafana dashboard: `python deploy/grafana/dashboard.py > deploy/grafana/voiceai.json`.

Owns which panels there are; a test runs every expression on a real Prometheus and compares the file with this. Made,
not drawn, so that a changed metric is one changed line. Format: Grafana's dashboard JSON model, schema 39.
"""

import json
import sys
from dataclasses import dataclass
from typing import Any

SOURCE = {"type": "prometheus", "uid": "${source}"}
WHERE = 'instance=~"$instance"'
WIDTH, HEIGHT = 8, 8
COLUMNS = 24 // WIDTH


@dataclass(frozen=True)
class Panel:
    """`lines`: legend → PromQL; `unit`: one of Grafana's."""

    title: str
    about: str
    unit: str
    lines: dict[str, str]


def rate(metric: str, by: str = "") -> str:
    grouped = f" by ({by})" if by else ""
    return f"sum{grouped} (rate({metric}{{{WHERE}}}[$__rate_interval]))"


def quantiles(metric: str) -> dict[str, str]:
    buckets = rate(f"{metric}_bucket", "le")
    return {f"p{share}": f"histogram_quantile(0.{share}, {buckets})" for share in (50, 95, 99)}


def total(metric: str, by: str = "") -> str:
    grouped = f" by ({by})" if by else ""
    return f"sum{grouped} ({metric}{{{WHERE}}})"


ROWS: dict[str, list[Panel]] = {
    "Calls": [
        Panel("Live calls", "Against what all workers can carry.", "short", {
            "live": total("voiceai_calls_live"), "room": total("voiceai_worker_capacity"),
        }),
        Panel("Ended calls", "By outcome.", "cps", {
            "{{direction}} {{outcome}}": rate("voiceai_calls_total", "direction, outcome"),
        }),
        Panel("Callers turned away", "No room, or no route.", "cps", {
            "{{reason}}": rate("voiceai_callers_refused_total", "reason"),
        }),
        Panel("Arrival to answer", "Ringing while the AI opens.", "s", quantiles("voiceai_call_answer_seconds")),
        Panel("Answer to greeting", "Media leg and bridge.", "s", quantiles("voiceai_call_greet_seconds")),
        Panel("Ready", "1: this part is there.", "short", {
            "{{part}}": f"min by (part) (voiceai_ready{{{WHERE}}})",
        }),
    ],
    "Conversation": [
        Panel("Caller waits for an answer", "End of speech to first frame.", "s",
              quantiles("voiceai_turn_first_frame_seconds")),
        Panel("Of that, the AI", "End of speech to the AI's first sound.", "s",
              quantiles("voiceai_turn_first_delta_seconds")),
        Panel("Interrupted agent falls silent", "speech_started to silence.", "s",
              quantiles("voiceai_barge_in_cut_seconds")),
        Panel("Interruptions", "And those after which the caller said nothing.", "cps", {
            "all": rate("voiceai_barge_in_cut_seconds_count"), "false": rate("voiceai_false_barge_ins_total"),
        }),
        Panel("Sound lost", "20 ms frames; in: of the caller, out: to the caller.", "cps", {
            "late {{direction}}": rate("voiceai_frames_late_total", "direction"),
            "not taken {{direction}}": rate("voiceai_frames_dropped_total", "direction"),
        }),
        Panel("Tools, p95", "The model's call to its answer.", "s", {
            "{{tool}}": f"histogram_quantile(0.95, {rate('voiceai_tool_seconds_bucket', 'tool, le')})",
        }),
    ],
    "AI": [
        Panel("Session set-up", "Until it is configured.", "s", quantiles("voiceai_ai_setup_seconds")),
        Panel("Failures and reconnections", "Sessions lost for good; connections made anew.", "cps", {
            "failed: {{kind}}": rate("voiceai_ai_failures_total", "kind"),
            "reconnected: {{provider}}": rate("voiceai_ai_reconnects_total", "provider"),
        }),
        Panel("Dollars an hour", "By the price table.", "currencyUSD", {
            "{{provider}} {{model}}": f"3600 * {rate('voiceai_ai_cost_dollars_total', 'provider, model')}",
        }),
    ],
    "Machinery": [
        Panel("Tick lateness, p99", "Over 10 ms callers hear gaps soon.", "s", {
            "{{worker}}": f'max by (worker) (voiceai_worker_tick_lateness_seconds{{{WHERE}, quantile="0.99"}})',
        }),
        Panel("Calls per worker", "", "short", {"{{worker}}": total("voiceai_worker_sessions", "worker")}),
        Panel("Requests to Asterisk, p99", "", "s", {
            "{{operation}}": f"histogram_quantile(0.99, {rate('voiceai_ari_request_seconds_bucket', 'operation, le')})",
        }),
        Panel("Requests to Asterisk that failed", "", "cps", {
            "{{result}}": f'sum by (result) (rate(voiceai_ari_request_seconds_count{{{WHERE}, result!~"ok|notfound"}}'
            "[$__rate_interval]))",
        }),
        Panel("Webhooks", "Waiting, and given up.", "short", {
            "waiting": total("voiceai_webhook_pending"), "dead letters": total("voiceai_webhook_dead_letters"),
        }),
        Panel("CPU per worker", "In cores; one is all that a worker can use.", "short", {
            "{{worker}}": rate("voiceai_worker_cpu_seconds_total", "worker"),
        }),
        Panel("Memory per worker", "", "bytes", {"{{worker}}": total("voiceai_worker_memory_bytes", "worker")}),
        Panel("Open files and tasks per worker", "", "short", {
            "{{worker}} files": total("voiceai_worker_open_files", "worker"),
            "{{worker}} tasks": total("voiceai_worker_tasks", "worker"),
        }),
        Panel("Queues", "What waits to be dialled, and to be kept.", "short", {
            "calls {{status}}": total("voiceai_outbound_calls", "status"), "records": total("voiceai_records_waiting"),
        }),
        Panel("Event link to Asterisk lost", "", "cps", {"lost": rate("voiceai_ari_link_losses_total")}),
        Panel("Canary", "1: the last one heard the agent; and after how many seconds.", "short", {
            "heard": f"min (voiceai_canary_ok{{{WHERE}}})", "seconds": f"max (voiceai_canary_seconds{{{WHERE}}})",
        }),
        Panel("Controller", "CPU, in cores.", "short", {"cores": rate("voiceai_process_cpu_seconds_total")}),
    ],
}  # fmt: skip


def panel(number: int, place: tuple[int, int], shown: Panel) -> dict[str, Any]:
    column, top = place
    return {
        "id": number,
        "type": "timeseries",
        "title": shown.title,
        "description": shown.about,
        "datasource": SOURCE,
        "gridPos": {"x": column * WIDTH, "y": top, "w": WIDTH, "h": HEIGHT},
        "fieldConfig": {"defaults": {"unit": shown.unit, "min": 0}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
        "targets": [
            {"refId": chr(ord("A") + place), "datasource": SOURCE, "expr": expr, "legendFormat": legend}
            for place, (legend, expr) in enumerate(shown.lines.items())
        ],
    }


def panels() -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    top = 0
    for row, shown in ROWS.items():
        place = {"x": 0, "y": top, "w": 24, "h": 1}
        made.append({"id": len(made) + 1, "type": "row", "title": row, "gridPos": place, "panels": []})
        top += 1
        for index, each in enumerate(shown):
            made.append(panel(len(made) + 1, (index % COLUMNS, top + index // COLUMNS * HEIGHT), each))
        top += -(-len(shown) // COLUMNS) * HEIGHT
    return made


def variable(name: str, kind: str, query: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, "query": query, **more}


def dashboard() -> dict[str, Any]:
    instances = variable(
        "instance", "query", "label_values(voiceai_calls_live, instance)",
        datasource=SOURCE, includeAll=True, multi=True, refresh=2, current={"text": "All", "value": "$__all"},
    )  # fmt: skip
    return {
        "uid": "voiceai",
        "title": "voiceai",
        "schemaVersion": 39,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": [variable("source", "datasource", "prometheus"), instances]},
        "panels": panels(),
    }


def written() -> str:
    return json.dumps(dashboard(), indent=1) + "\n"


if __name__ == "__main__":
    sys.stdout.write(written())
