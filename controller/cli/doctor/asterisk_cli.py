"""Checks by Asterisk's command line, for what ARI does not show: registrations, and dialplan lines that lead to us.

Owns the command that is run (`asterisk -rx '…'`, or the operator's: Asterisk may be in a container or on another
machine) and its time limit. Changes nothing. `registrations` and `dialplan` are pure.
"""

import asyncio
import re
import shlex
import shutil
from subprocess import DEVNULL, PIPE

from controller.cli.doctor import edge
from controller.cli.doctor.findings import Finding, failure, ok, skipped, warning
from controller.config import Config

SECONDS = 10.0
CHECK = "registration"
LINE = re.compile(r"\s*(?P<name>[^\s/]+)/sips?:\S*\s+(?:\S+\s+)?(?P<state>Registered|Unregistered|Rejected|Stopped)\b")

CALLER_TEXT = re.compile(
    r"\$\{\s*(CALLERID|CALLERPRES|CONNECTEDLINE|REDIRECTING|DIALEDPEERNAME|PJSIP_HEADER|PJSIP_HEADERS|SIP_HEADER|SIPURI"
    r"|PJSIP_PARSE_URI|PJSIP_PARSE_URI_FROM|EXTEN|INVALID_EXTEN|CHANNEL\((?:pjsip|peername|uri|from|to|target)[^)]*\))",
    re.IGNORECASE,
)
"""Variables whose text a caller, or the caller's SIP message, chooses."""

NOT_REGISTERED = {
    "Rejected": "The carrier refuses: compare `username`, `password` of its auth, `client_uri`, with what it gave you.",
    "Unregistered": "The carrier does not answer: look at `server_uri`, DNS and the firewall (`pjsip set logger on`).",
    "Stopped": "Asterisk has given up: fix what the carrier refused, set `max_retries`, `module reload res_pjsip.so`.",
}


async def look(config: Config, rx: str | None) -> list[Finding]:
    """`rx`: the command line that runs a command of Asterisk. None: `asterisk -rx`, if it is on this machine."""
    try:
        command = shlex.split(rx) if rx else ["asterisk", "-rx"]
    except ValueError:
        return [failure(CHECK, "the command of `--rx` has a quote that is not closed", "Close it, or leave it out.")]
    if rx is None and shutil.which("asterisk") is None:
        return [
            skipped(CHECK, "not visible over ARI; give Asterisk's command line: `--rx 'docker exec … asterisk -rx'`")
        ]
    listed = await _run(command, "pjsip show registrations")
    lines = await _run(command, "dialplan show")
    if listed is None or lines is None:
        if rx is None:
            return [skipped(CHECK, "`asterisk -rx` does not let this user in; try it as root, or with `--rx`")]
        return [failure(CHECK, "the command of `--rx` failed", f"Try it: `{rx} 'core show version'`.")]
    app = config.asterisk.ari.app
    front = edge.edge(lines, app) if config.asterisk.readiness_app else []
    return [*registrations(listed), *dialplan(lines, app), *front]


async def _run(command: list[str], argument: str) -> str | None:
    """The output; None if the command fails."""
    try:
        process = await asyncio.create_subprocess_exec(*command, argument, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL)
    except (OSError, ValueError):  # not found, not permitted, or with a NUL character
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


def registrations(output: str) -> list[Finding]:
    """`output`: of `pjsip show registrations`."""
    found = []
    for match in filter(None, map(LINE.match, output.splitlines())):
        name, state = match["name"], match["state"]
        if state == "Registered":
            found.append(ok(CHECK, f"{name} is registered"))
        else:
            found.append(failure(CHECK, f"{name} is not registered ({state})", NOT_REGISTERED[state]))
    return found or [ok(CHECK, "none is configured")]


def dialplan(output: str, app: str) -> list[Finding]:
    """`output`: of `dialplan show`."""
    lines = re.findall(rf"(?m)Stasis\({re.escape(app)}(?:,(.*)\)|\))", output)
    if lines:
        return [ok("dialplan", f"{len(lines)} lines lead to Stasis({app})"), *arguments(lines, app)]
    fix = f"Add `exten => _X!,1,Stasis({app})` to the trunk's context in extensions.conf, then `dialplan reload`."
    return [failure("dialplan", f"no line leads to Stasis({app}): no call reaches the agent", fix)]


def arguments(lines: list[str], app: str) -> list[Finding]:
    """A caller's text must not be an argument of Stasis(): a comma in it begins another argument."""
    variables = [found for line in lines for found in CALLER_TEXT.findall(line)]
    if variables:
        text = f"Stasis({app},…) has ${{{variables[0]}…}}: a caller whose name has a comma sets variables of the call"
        fix = "Write `Set(VOICEAI_VAR_name=…)` in the line before, and no argument; {{caller_name}} is there by itself."
        return [failure("dialplan", text, fix)]
    if any(re.search(r"=[^,]*\$\{", line) for line in lines):
        text = f"Stasis({app},…) has variables in its arguments: a comma in one of them begins another argument"
        fix = "If a caller may have a say in them: `Set(VOICEAI_VAR_name=${…})` in the line before, and no argument."
        return [warning("dialplan", text, fix)]
    return []
