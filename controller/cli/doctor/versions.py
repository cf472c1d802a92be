"""Which versions of Asterisk can carry our calls, and their known bugs. [pure]

Sources: the change logs of Asterisk 20 to 23, and the threads named with each entry (github.com/asterisk/asterisk).
"""

import re
from dataclasses import dataclass

from controller.cli.doctor.findings import Finding, failure, ok, warning

Version = tuple[int, int, int]

CHECK = "asterisk version"
SINCE_24_KHZ = {18: None, 19: None, 20: (20, 17, 0), 21: (21, 12, 0), 22: (22, 7, 0), 23: (23, 1, 0)}
"""By major version: the first that carries 24 kHz in AudioSocket. Older ones always send 8 kHz."""
UPGRADE = "Install Asterisk 22.7 or newer (20.17, 21.12 and 23.1 will do as well)."


@dataclass(frozen=True, slots=True)
class Bug:
    """A bug in the versions `first` to `last` of one major version, both included."""

    first: Version
    last: Version
    told: str
    fix: str = UPGRADE


COMFORT_NOISE = "ends the agent's leg at the first packet of comfort noise (RTP payload type 13) (asterisk#1890)"
COMFORT_NOISE_FIX = "Install 20.20, 22.10 or 23.4, or have the carrier switch silence suppression (VAD) off."
NEW_CODEC = (
    "can hang up on a caller whose re-INVITE takes away the codec that is being sent (asterisk#2059): about one change "
    'in a hundred, in the log as "Don\'t know how to send format"'
)
NEW_CODEC_FIX = "Install 20.21, 22.11 or 23.5; until then give the trunk one codec only (allow = alaw or ulaw)."
BUGS = (
    Bug((20, 17, 0), (20, 19, 99), COMFORT_NOISE, COMFORT_NOISE_FIX),
    Bug((21, 12, 0), (21, 99, 99), COMFORT_NOISE, COMFORT_NOISE_FIX),
    Bug((22, 7, 0), (22, 9, 99), COMFORT_NOISE, COMFORT_NOISE_FIX),
    Bug((23, 1, 0), (23, 3, 99), COMFORT_NOISE, COMFORT_NOISE_FIX),
    Bug((20, 17, 0), (20, 20, 99), NEW_CODEC, NEW_CODEC_FIX),
    Bug((21, 12, 0), (21, 99, 99), NEW_CODEC, NEW_CODEC_FIX),
    Bug((22, 7, 0), (22, 10, 99), NEW_CODEC, NEW_CODEC_FIX),
    Bug((23, 1, 0), (23, 4, 99), NEW_CODEC, NEW_CODEC_FIX),
    Bug((20, 18, 0), (20, 19, 99), "ARI can stall after calls that hang up at once (asterisk#2078)"),
    Bug((23, 3, 0), (23, 3, 0), "a leg can stay silent until its first frame (asterisk#2089); we send one at once"),
)


LATE_SINCE = (20, 6, 0)
LATE = (
    "drops RTP whose sequence numbers go back (Debian's 2016_opus_plc.patch): packets out of order are lost, and a "
    "caller whose numbers jump back is not heard for about 0.2 s (0.6 s if they jump twice), until they join their "
    "bridge anew"
)
LATE_FIX = "Use a build without that patch, such as our image's (docs/asterisk.md)."
REBUILT = "voiceai"
"""Part of the version of our build of Debian's package, which omits the patch."""


def read(version: str) -> Version | None:
    """Reads `22.10.1+dfsg…`, `certified/20.7-cert3`, `GIT-22-…`; None if it can't."""
    found = re.search(r"(?:^|[/-])(\d{2})(?:\.(\d+))?(?:\.(\d+))?", version)
    if found is None:
        return None
    major, minor, patch = (int(part or 0) for part in found.groups())
    return major, minor, patch


def judged(version: str) -> list[Finding]:
    """One finding on 24 kHz, and one for each known bug."""
    number = read(version)
    if number is None:
        return [warning(CHECK, f"the version of Asterisk, {version!r}, is unknown", UPGRADE)]
    name = ".".join(map(str, number))
    first = SINCE_24_KHZ.get(number[0], (number[0], 0, 0) if number[0] > max(SINCE_24_KHZ) else None)
    if first is None or number < first:
        text = f"Asterisk {name} sends AudioSocket at 8 kHz only: the agent sounds wrong and hears badly"
        return [failure(CHECK, text, UPGRADE)]
    known = [warning("known bug", f"Asterisk {name}: {bug.told}", bug.fix) for bug in BUGS if _has(number, bug)]
    if "dfsg" in version and REBUILT not in version and number >= LATE_SINCE:
        known.append(warning("late packets", f"Asterisk {name} {LATE}", LATE_FIX))
    return [ok(CHECK, f"Asterisk {name} carries 24 kHz"), *known]


def _has(number: Version, bug: Bug) -> bool:
    return bug.first <= number <= bug.last
