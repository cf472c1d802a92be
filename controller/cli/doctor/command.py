"""`voiceai doctor`: checks the installation and prints each finding at once."""

import asyncio
import json
import logging
import os
import sys
from pathlib import Path
from typing import Annotated

import structlog
import typer
from rich.console import Console
from rich.text import Text

from controller import config as configs
from controller.cli.connection import LOCAL, SET_UP, Url, connected
from controller.cli.doctor.findings import Finding, Verdict, as_json, as_markdown, failure, healthy, summary

app = typer.Typer()
out = Console(highlight=False, soft_wrap=True)

_LOOKS = {
    Verdict.OK: ("✓", "green"),
    Verdict.WARNING: ("!", "yellow"),
    Verdict.FAILURE: ("✗", "red"),
    Verdict.SKIPPED: ("-", "dim"),
}


@app.command(rich_help_panel=SET_UP)
def doctor(
    config: Annotated[Path, typer.Option("--config", "-c", envvar="VOICEAI_CONFIG")] = Path("config.yaml"),
    live: Annotated[
        bool,
        typer.Option(
            help="Also ask the AI providers: is the key valid, does the model exist, do sessions start as configured?"
        ),
    ] = False,
    rx: Annotated[
        str | None,
        typer.Option(
            help="Asterisk's command line, for what ARI does not show, such as 'docker exec pbx asterisk -rx'."
        ),
    ] = None,
    call: Annotated[
        str | None, typer.Option(help="Collect a report about this call instead, without numbers and transcripts.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="With --call: the zip file to write.")] = None,
    url: Url = LOCAL,
    token: Annotated[str, typer.Option(help="With --call: an API token.", envvar="VOICEAI_API_TOKEN")] = "",
    as_machine: Annotated[bool, typer.Option("--json", help="Print JSON, for other programs.")] = False,
    markdown: Annotated[bool, typer.Option(help="Print Markdown, for a bug report.")] = False,
) -> None:
    """Check everything that a call needs, with audio through Asterisk. Exit status 1: a problem was found."""
    if call is not None:
        _gather(call, url, token, output, as_machine=as_machine, markdown=markdown)
        return
    # The findings say in plain words what the checked parts would log.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    findings = asyncio.run(_all(config, live, rx, show=not (as_machine or markdown)))
    if as_machine:
        sys.stdout.write(json.dumps(as_json(findings), indent=2) + "\n")
    elif markdown:
        sys.stdout.write(as_markdown(findings))
    else:
        out.print(f"\n{summary(findings)}")
    raise typer.Exit(0 if healthy(findings) else 1)


def _gather(call: str, url: str, token: str, output: Path | None, *, as_machine: bool, markdown: bool) -> None:
    from controller.cli.doctor import report

    with connected(url, token) as client:
        trace = client.trace_call(call)
    if as_machine:
        sys.stdout.write(trace.model_dump_json(indent=2) + "\n")
    elif markdown:
        sys.stdout.write(report.summary(trace))
    else:
        into = output or Path(f"voiceai-{trace.id}.zip")
        try:
            into.write_bytes(report.packed(trace))
        except OSError as error:
            out.print(f"{into} can't be written: {error.strerror}. Name another file with --output.", markup=False)
            raise typer.Exit(1) from None
        for reason in trace.reasons:
            out.print(Text.assemble(("✗ ", "red"), reason.message))
            if reason.fix:
                out.print(Text(f"    → {reason.fix}", "red"))
        if not trace.reasons:
            out.print("Nothing was wrong with this call, as far as voiceai can see.")
        out.print(f"\n{len(trace.steps)} steps in {into}: no number in it, and no word of anybody")


async def _all(path: Path, live: bool, rx: str | None, *, show: bool) -> list[Finding]:
    try:
        loaded = configs.load(path, os.environ)
    except configs.ConfigErrors as errors:
        findings = [
            failure("config", configs.render(errors), "Correct these, then run it again: nothing else was checked.")
        ]
        if show:
            _print(findings[0])
        return findings
    # Imported here: only this command needs a worker's modules, and their import is slow.
    from controller.cli.doctor import runner

    findings = []
    async for finding in runner.examine(loaded, live=live, rx=rx):
        findings.append(finding)
        if show:
            _print(finding)
    return findings


def _print(finding: Finding) -> None:
    sign, colour = _LOOKS[finding.verdict]
    out.print(Text.assemble((f"{sign} ", colour), (finding.check, "bold"), f": {finding.told}"))
    if finding.fix:
        out.print(Text(f"    → {finding.fix}", colour))
