"""Checks by Asterisk's command line, for what ARI does not show: registrations, and lines of the dialplan. [pure]

Each function judges the output of one command.
"""

import re

from controller.calls.machine.rows import answer_detection
from controller.calls.runtime import dialplan as contexts_of_ours
from controller.cli.doctor.dialplan_output import BY_A_CONTROLLER, Extension, Step, read
from controller.cli.doctor.findings import Finding, failure, ok, skipped, warning
from controller.config import Config

CHECK = "registration"
LINE = re.compile(r"\s*(?P<name>[^\s/]+)/sips?:\S*\s+(?:\S+\s+)?(?P<state>Registered|Unregistered|Rejected|Stopped)\b")

CALLER_TEXT = re.compile(
    r"\$\{\s*(CALLERID|CALLERPRES|CONNECTEDLINE|REDIRECTING|DIALEDPEERNAME|PJSIP_HEADER|PJSIP_HEADERS|SIP_HEADER|SIPURI"
    r"|PJSIP_PARSE_URI|PJSIP_PARSE_URI_FROM|EXTEN|INVALID_EXTEN|CHANNEL\((?:pjsip|peername|uri|from|to|target)[^)]*\))",
    re.IGNORECASE,
)
"""Variables whose text a caller, or the caller's SIP message, chooses."""

BACK = (answer_detection.CONTEXT, contexts_of_ours.CONTEXT)
"""Contexts from which our own calls come back to us."""
NOT_REGISTERED = {
    "Rejected": "The carrier refuses: compare `username`, `password` of its auth, `client_uri`, with what it gave you.",
    "Unregistered": "The carrier does not answer: look at `server_uri`, DNS and the firewall (`pjsip set logger on`).",
    "Stopped": "Asterisk has given up: fix what the carrier refused, set `max_retries`, `module reload res_pjsip.so`.",
}


def registrations(output: str) -> list[Finding]:
    """`output`: of `pjsip show registrations`."""
    if "No such command" in output:
        return [skipped(CHECK, "res_pjsip_outbound_registration.so is not loaded: Asterisk registers nowhere")]
    found = []
    for match in filter(None, map(LINE.match, output.splitlines())):
        name, state = match["name"], match["state"]
        if state == "Registered":
            found.append(ok(CHECK, f"{name} is registered"))
        else:
            found.append(failure(CHECK, f"{name} is not registered ({state})", NOT_REGISTERED[state]))
    return found or [ok(CHECK, "none is configured")]


def dialplan(output: str, config: Config) -> list[Finding]:
    """`output`: of `dialplan show`. Which lines of the dialplan hand callers to our app? Not counted: the context that
    Asterisk makes for an app that is registered, and those by which our own calls come back."""
    app = config.asterisk.ari.app
    ours: list[tuple[Extension, Step]] = []
    others: set[str] = set()
    wrong: list[tuple[Extension, Step]] = []
    for extension, step in _stasis_lines(output):
        if step.data.split(",")[0] == app:
            ours.append((extension, step))
        elif extension.context in BACK:
            wrong.append((extension, step))
        else:
            others.add(str(step))
    back = {*BACK, *([config.softphone.context] if config.softphone else ())}
    entrances = [extension for extension, _ in ours if extension.context not in back]
    judged = [*arguments([step.data for _, step in ours], app), *(_back(*each, app) for each in wrong)]
    if entrances:
        places = ", ".join(dict.fromkeys(f"[{each.context}]" for each in entrances))
        return [ok("dialplan", f"{len(entrances)} lines call Stasis({app}), in {places}"), *judged]
    if others:
        fix = f"`asterisk.ari.app` and the name in Stasis() must be the same: write Stasis({app}); `dialplan reload`."
        return [failure("dialplan", f"no line calls Stasis({app}), but there is {', '.join(sorted(others)[:3])}", fix)]
    fix = f"Add `exten => _X!,1,Stasis({app})` to the trunk's context in extensions.conf, then `dialplan reload`."
    return [failure("dialplan", f"no line calls Stasis({app}): no call reaches the agent", fix), *judged]


def _back(extension: Extension, step: Step, app: str) -> Finding:
    told = f"{extension} goes to {step}, which is another app than {app}: calls that pass through it end"
    return failure("dialplan", told, f"Write Stasis({app},…) there, with the same arguments; then `dialplan reload`.")


def _stasis_lines(output: str) -> list[tuple[Extension, Step]]:
    written = [each for each in read(output) if each.creator != BY_A_CONTROLLER]
    lines = [(extension, step) for each in written for extension in each.extensions for step in extension.steps]
    return [(extension, step) for extension, step in lines if step.app.lower() == "stasis"]


def arguments(lines: list[str], app: str) -> list[Finding]:
    """A caller's text must not be an argument of Stasis(): a comma in it begins another argument. `lines`: what stands
    in the parentheses."""
    told = [line.partition(",")[2] for line in lines]
    variables = [found for line in told for found in CALLER_TEXT.findall(line)]
    if variables:
        text = f"Stasis({app},…) has ${{{variables[0]}…}}: a caller whose name has a comma sets variables of the call"
        fix = "Write `Set(VOICEAI_VAR_name=…)` in the line before, and no argument; {{caller_name}} is there by itself."
        return [failure("dialplan", text, fix)]
    if any(re.search(r"=[^,]*\$\{", line) for line in told):
        text = f"Stasis({app},…) has variables in its arguments: a comma in one of them begins another argument"
        fix = "If a caller may have a say in them: `Set(VOICEAI_VAR_name=${…})` in the line before, and no argument."
        return [warning("dialplan", text, fix)]
    return []
