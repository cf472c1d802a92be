"""What a channel and a bridge have in common: the bodies that ask for sounds to be played, and for recordings.

Parameters are those of rest-api/api-docs/channels.json, and the same in bridges.json. All raise BadArgument.
"""

import math
from typing import Any, Literal, NotRequired, TypedDict, Unpack

from controller.ari.transport import checked_id, given

IfExists = Literal["fail", "overwrite", "append"]


class RecordingOptions(TypedDict):
    """`name` is also the file's. Durations in seconds; `terminate_on`: none, any, or a key."""

    name: str
    format: NotRequired[str]
    """wav, if not given."""
    max_duration: NotRequired[float | None]
    max_silence: NotRequired[float | None]
    if_exists: NotRequired[IfExists]
    """fail, if not given."""
    beep: NotRequired[bool]
    terminate_on: NotRequired[str | None]


def whole_seconds(value: float | None) -> int | None:
    """Asterisk reads whole seconds, and a fraction as 0: round up."""
    return None if value is None else math.ceil(value)


def playback_body(media: tuple[str, ...], playback_id: str, language: str | None) -> dict[str, Any]:
    return given(media=list(media), playbackId=checked_id("playback", playback_id), lang=language)


def recording_body(**options: Unpack[RecordingOptions]) -> dict[str, Any]:
    return given(
        name=checked_id("recording", options["name"]),
        format=options.get("format", "wav"),
        maxDurationSeconds=whole_seconds(options.get("max_duration")),
        maxSilenceSeconds=whole_seconds(options.get("max_silence")),
        ifExists=options.get("if_exists", "fail"),
        beep=options.get("beep", False),
        terminateOn=options.get("terminate_on"),
    )
