"""What only Asterisk's own command line tells: registrations, and which lines of the dialplan lead to us.

Owns the one command that is run (`asterisk -rx '…'`, or what the operator names: Asterisk may be in a container or on
another machine) and its time limit. Reads, and changes nothing. `registrations` and `dialplan` are pure.
"""

import asyncio
import re
import shlex
import shutil
from subprocess import DEVNULL, PIPE

from controller.cli.doctor.findings import Finding, failure, ok, skipped, warning
from controller.config import Config

SECONDS = 10.0
CHECK = "registration"
LINE = re.compile(r"\s*(?P<name>[^\s/]+)/sips?:\S*\s+(?:\S+\s+)?(?P<state>Registered|Unregistered|Rejected|Stopped)\b")

SPOKEN = re.compile(
    r"\$\{\s*(CALLERID|CALLERPRES|CONNECTEDLINE|REDIRECTING|DIALEDPEERNAME|PJSIP_HEADER|PJSIP_HEADERS|SIP_HEADER|SIPURI"
    r"|PJSIP_PARSE_URI|PJSIP_PARSE_URI_FROM|EXTEN|INVALID_EXTEN|CHANNEL\((?:pjsip|peername|uri|from|to|target)[^)]*\))",
    re.IGNORECASE,
)
"""What a caller, or the SIP message that brings one, can say."""

NOT_REGISTERED = {
    "Rejected": "The carrier refuses: compare `username`, `password` of its auth, `client_uri`, with what it gave you.",
    "Unregistered": "The carrier does not answer: look at `server_uri`, DNS and the firewall (`pjsip set logger on`).",
    "Stopped": "Asterisk has given up: mend what the carrier refused, set `max_retries`, `module reload res_pjsip.so`.",
}


async def look(config: Config, rx: str | None) -> list[Finding]:
    """`rx`: the command, to which one of Asterisk's is added. None: Asterisk's own, if it is on this machine."""
    try:
        command = shlex.split(rx) if rx else ["asterisk", "-rx"]
    except ValueError:
        return [failure(CHECK, "the command of `--rx` has a quote that is not closed", "Close it, or leave it out.")]
    if rx is None and shutil.which("asterisk") is None:
        return [skipped(CHECK, "ARI does not tell; `--rx 'docker exec … asterisk -rx'` names Asterisk's command line")]
    told = await _run(command, "pjsip show registrations")
    lines = await _run(command, "dialplan show")
    if told is None or lines is None:
        if rx is None:
            return [skipped(CHECK, "`asterisk -rx` does not let this user in; try it as root, or with `--rx`")]
        return [failure(CHECK, "the command of `--rx` failed", f"Try it: `{rx} 'core show version'`.")]
    return [*registrations(told), *dialplan(lines, config.asterisk.ari.app)]


async def _run(command: list[str], what: str) -> str | None:
    """Its output; None if it fails."""
    try:
        process = await asyncio.create_subprocess_exec(*command, what, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL)
    except (OSError, ValueError):  # not there, not ours to run, or with a NUL in it
        return None
    try:
        async with asyncio.timeout(SECONDS):
            out, _ = await process.communicate()
    except TimeoutError:
        return None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return out.decode(errors="replace") if process.returncode == 0 else None


def registrations(told: str) -> list[Finding]:
    """Of `pjsip show registrations`."""
    found = []
    for match in filter(None, map(LINE.match, told.splitlines())):
        name, state = match["name"], match["state"]
        if state == "Registered":
            found.append(ok(CHECK, f"{name} is registered"))
        else:
            found.append(failure(CHECK, f"{name} is not registered ({state})", NOT_REGISTERED[state]))
    return found or [ok(CHECK, "none is configured")]


def dialplan(told: str, app: str) -> list[Finding]:
    """Of `dialplan show`."""
    lines = re.findall(rf"(?m)Stasis\({re.escape(app)}(?:,(.*)\)|\))", told)
    if lines:
        return [ok("dialplan", f"{len(lines)} lines lead to Stasis({app})"), *arguments(lines, app)]
    fix = f"Add `exten => _X!,1,Stasis({app})` to the trunk's context in extensions.conf, then `dialplan reload`."
    return [failure("dialplan", f"no line leads to Stasis({app}): no call reaches the agent", fix)]


def arguments(lines: list[str], app: str) -> list[Finding]:
    """What callers say must not stand among the arguments of Stasis(): a comma in it begins another argument."""
    spoken = [found for line in lines for found in SPOKEN.findall(line)]
    if spoken:
        told = (
            f"Stasis({app},…) has ${{{spoken[0]}…}} in it: a caller whose name has a comma sets variables of the call"
        )
        fix = "Write `Set(VOICEAI_VAR_name=…)` in the line before, and no argument; {{caller_name}} is there by itself."
        return [failure("dialplan", told, fix)]
    if any(re.search(r"=[^,]*\$\{", line) for line in lines):
        told = f"Stasis({app},…) has variables in its arguments: a comma in one of them begins another argument"
        fix = "If a caller may have a say in them: `Set(VOICEAI_VAR_name=${…})` in the line before, and no argument."
        return [warning("dialplan", told, fix)]
    return []
