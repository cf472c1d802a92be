"""The log fields of a session as the server has it. [pure]"""

from bridge.realtime.protocol import server_events

DESCRIBED = ("input_format", "output_format", "voice", "turn_detection", "transcription")
"""Values of a session that are logged."""


def settings(updated: server_events.SessionUpdated) -> dict[str, object]:
    """The fields of one log line."""
    return {"model": updated.model} | {name: updated.values[name] for name in DESCRIBED if name in updated.values}
