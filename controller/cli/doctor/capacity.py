"""Checks by Asterisk's command line that it may carry as many calls as the workers do, and has music. [pure]

Owns the reading of `core show settings`, `rtp show settings` and `moh show classes`.
"""

import re

from controller.cli.doctor.findings import Finding, failure, warning

PORTS_OF_A_CALL = 2
"""One for sound, one for its statistics (RTCP)."""


def calls_at_once(settings: str, rtp: str, capacity: int) -> list[Finding]:
    """`settings`, `rtp`: what Asterisk printed. `capacity`: calls that the workers of this machine carry."""
    found = []
    most = _number(r"Maximum calls:\s+(\d+)", settings)
    if most is not None and most < capacity:
        told = f"Asterisk takes {most} calls at once (`maxcalls`), the workers {capacity}: the next one gets 503"
        fix = "Raise or remove `maxcalls` in asterisk.conf, and restart Asterisk; or set `limits.max_calls`."
        found.append(warning("asterisk limits", told, fix))
    begin, end = _number(r"Port start:\s+(\d+)", rtp), _number(r"Port end:\s+(\d+)", rtp)
    if begin is not None and end is not None:
        legs = max(0, end - begin + 1) // PORTS_OF_A_CALL
        verdict = failure if legs < 1 else warning
        if legs < capacity:
            told = f"Asterisk has RTP ports for {legs} calls ({begin} to {end}), the workers take {capacity}"
            fix = (
                "Raise `rtpend` in rtp.conf (two ports for each leg of a call), and open them in the firewall; then "
                "`module reload res_rtp_asterisk.so`."
            )
            found.append(verdict("asterisk limits", told, fix))
    return found


def music(classes: str) -> list[Finding]:
    """`classes`: what `moh show classes` printed."""
    if "No such command" in classes or re.search(r"^Class:", classes, re.MULTILINE):
        return []
    fix = "Add a class to musiconhold.conf (ours is in asterisk/musiconhold.conf), then `moh reload`."
    return [warning("music on hold", "Asterisk has no class of music: callers on hold hear silence", fix)]


def _number(pattern: str, text: str) -> int | None:
    found = re.search(pattern, text)
    return int(found[1]) if found else None
