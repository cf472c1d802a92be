"""Asterisk's command line: the command that runs it, and its answers.

Owns the process of each command (`asterisk -rx '…'`, or the operator's: Asterisk may be in a container or on another
machine), its time limit, and the check that it is the Asterisk whose ARI we use. Only commands that change nothing are
run.
"""

import asyncio
import re
import shlex
import shutil
from dataclasses import dataclass
from pathlib import PurePath
from subprocess import DEVNULL, PIPE

from controller.ari.resources import AsteriskInfo
from controller.cli.doctor.findings import Finding, failure, skipped

SECONDS = 10.0
CHECK = "command line"
OWN = ("asterisk", "-rx")
_SETTING = r"(?m)^\s*{}:\s+(\S+)"


@dataclass(frozen=True, slots=True)
class CommandLine:
    """`command`: gets one command of Asterisk as its last argument."""

    command: tuple[str, ...]

    async def run(self, argument: str) -> str | None:
        """The output; None if the command fails."""
        last = shlex.quote(argument) if PurePath(self.command[0]).name == "ssh" else argument  # ssh hands it to a shell
        try:
            process = await asyncio.create_subprocess_exec(
                *self.command, last, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL
            )
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


async def reach(rx: str | None, info: AsteriskInfo) -> CommandLine | Finding:
    """`rx`: what the operator gave; None: `asterisk -rx`, if it is on this machine. A finding: there is none that is of
    use."""
    try:
        command = tuple(shlex.split(rx)) if rx else OWN
    except ValueError:
        return failure(CHECK, "the command of `--rx` has a quote that is not closed", "Close it, or leave it out.")
    if rx is None and shutil.which(OWN[0]) is None:
        return skipped(CHECK, "there is no `asterisk` on this machine; `--rx 'docker exec … asterisk -rx'` names one")
    line = CommandLine(command)
    told = await line.run("core show settings")
    if told is None and rx is None:
        return skipped(CHECK, "`asterisk -rx` does not let this user in; try it as root, or with `--rx`")
    fix = f"Try it: `{rx or 'asterisk -rx'} 'core show settings'` has to print what Asterisk's own command line prints."
    if told is None:
        return failure(CHECK, "the command of `--rx` failed", fix)
    if "PBX Core settings" not in told:
        return failure(CHECK, "the command of `--rx` does not print Asterisk's answer", fix)
    if not same(told, info):
        text = "that is another Asterisk than the one at `asterisk.ari.url`"
        if rx is None:
            return skipped(CHECK, f"`asterisk -rx`: {text}; `--rx` names the command line of the right one")
        return failure(CHECK, f"`--rx`: {text}", "Name the command line of that one.")
    return line


def same(settings: str, info: AsteriskInfo) -> bool:
    """Pure. Whether `core show settings` was printed by the Asterisk of which ARI told `info`: what both tell is
    compared."""
    entity, started = (
        re.search(_SETTING.format("Entity ID"), settings),
        re.search(_SETTING.format("Startup time"), settings),
    )
    if entity and info.entity_id and entity[1].lower() != info.entity_id.lower():
        return False
    return not (started and info.started_at and f"T{started[1]}" not in info.started_at)
