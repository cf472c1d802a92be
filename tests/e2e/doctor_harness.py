"""The doctor as an operator runs it: a config for a real Asterisk, the command, and what it told."""

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller import config as configs
from controller.cli.doctor import loopback, runner
from controller.cli.doctor.findings import as_json, healthy
from simulator.ports import free_port
from tests.peers.asterisk import Asterisk

Settings = dict[str, Any]
KEY = "sk-doctor-secret"


def settings_of(asterisk: Asterisk, folder: Path) -> Settings:
    return {
        "asterisk": {"ari": asterisk.ari_keys},
        "openai": {"api_key": KEY},
        "bridge": {"ports": f"{free_port()}"},
        "api": {"listen": f"127.0.0.1:{free_port()}"},
        "trunks": {"main": {"endpoint": "PJSIP/{number}@trunk", "allow": ["[0-9]+"], "country_code": "49"}},
        "agents": {"reception": {"instructions": "Be brief."}},
        "store": {"url": f"sqlite+aiosqlite:///{folder}/voiceai.sqlite3"},
    }


@dataclass
class Report:
    status: int
    text: str
    findings: list[dict[str, str]]

    def of(self, check: str) -> list[dict[str, str]]:
        return [each for each in self.findings if each["check"] == check]

    def names(self, check: str, verdict: str, told: str, fix: str) -> None:
        """Asserts that there is such a finding, with its fix."""
        (found,) = [each for each in self.of(check) if told in each["told"]] or [{"told": "", "fix": "", "verdict": ""}]
        assert (found["verdict"], told in found["told"], fix in found["fix"]) == (verdict, True, True), (
            f"{check}: {told!r} with {fix!r}, not found in {self.text}"
        )


async def examined(settings: Settings, folder: Path, rx: str | None = None) -> Report:
    """All checks, in this process and with less sound: a second instead of four."""
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump(settings))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loopback, "SECONDS", 0.3)
        findings = [each async for each in runner.examine(configs.load(config, os.environ), rx=rx)]
    text = "\n".join(f"{each.verdict} {each.check}: {each.told}\n    {each.fix}" for each in findings)
    return Report(0 if healthy(findings) else 1, text, as_json(findings)["findings"])


async def doctor(settings: Settings, folder: Path, *options: str, **environment: str) -> Report:
    """The command as an operator runs it."""
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump(settings))
    command = (sys.executable, "-m", "controller.cli", "doctor", "-c", str(config), "--json", *options)
    process = await asyncio.create_subprocess_exec(
        *command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, **environment}
    )
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    assert "Traceback" not in err.decode(), err.decode()
    assert KEY not in out.decode()
    assert process.returncode is not None
    return Report(process.returncode, out.decode(), json.loads(out)["findings"])
