"""Checks of this machine: files, disk, clock, and the API's address. Each check is one function."""

import errno
import os
import shutil
import socket
from datetime import UTC, datetime
from pathlib import Path

import httpx
from sqlalchemy.engine import make_url

from controller.cli.doctor.findings import Finding, failure, ok, skipped, warning
from controller.config import Config, files as config_files
from controller.workers.supervisor import worker_count

FILES_PER_CALL = 6
"""AudioSocket, AI connection, recording, and their replacements."""
OTHER_FILES = 200
MIN_FREE = 1 << 30
"""Bytes; an hour of stereo recordings of 5 calls."""
MAX_SKEW_S = 5.0


def files(config: Config) -> list[Finding]:
    check = "open files"
    try:
        import resource
    except ImportError:  # not on Windows, which has no such limit
        return [skipped(check, "this system has no such limit")]
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = config.bridge.capacity * FILES_PER_CALL + OTHER_FILES
    text = f"a process may open {soft}; {config.bridge.capacity} calls need {needed}"
    if soft < needed:
        fix = f"Raise it: `LimitNOFILE={max(65536, needed)}` in the service's unit, or lower `bridge.capacity`."
        return [failure(check, text, fix)]
    return [ok(check, text)]


def config_file_errors(config: Config) -> list[Finding]:
    """Files named in the config that are missing or wrong."""
    return [
        failure(f"config: {each.path}", f"{each.value} {each.message}", each.hint)
        for each in config_files.wrong(config)
    ]


def disk(config: Config) -> list[Finding]:
    folders = {agent.recording.path for agent in config.agents.values() if agent.recording is not None}
    store = make_url(config.store.url.get_secret_value())
    if store.get_backend_name() == "sqlite" and store.database and store.database != ":memory:":
        folders.add(str(Path(store.database).parent))
    return [finding for folder in sorted(folders) for finding in _folder(Path(folder))]


def _folder(folder: Path) -> list[Finding]:
    check = f"disk of {folder}"
    existing = next((each for each in (folder, *folder.absolute().parents) if each.is_dir()), Path("/"))
    if not os.access(existing, os.W_OK | os.X_OK):
        fix = f"Make it writable for the user that runs voiceai: `chown voiceai {folder}`."
        return [failure(check, f"{existing} can't be written to by this user", fix)]
    free = shutil.disk_usage(existing).free
    text = f"{free / (1 << 30):.1f} GiB free"
    if free < MIN_FREE:
        return [failure(check, text, "Make room, or lower `recording.keep_days` and `outbound.keep_days`.")]
    return [ok(check, text)]


def readyz(config: Config) -> str:
    """Where the controller of this config says how it is. It is told no secret, so any certificate will do."""
    return f"{'https' if config.api.tls is not None else 'http'}://{config.api.listen}/readyz"


async def api(config: Config) -> list[Finding]:
    """Fails if another program than our controller listens at the API's address."""
    check, at = "api", f"{config.api.listen}"
    try:
        async with httpx.AsyncClient(timeout=3, trust_env=False, verify=False) as http:
            answer = await http.get(readyz(config))
        told = answer.json()
        parts, warnings = told["parts"], list(map(str, told.get("warnings", ())))
    except httpx.ConnectError:
        return [ok(check, f"nobody listens on {at} yet"), *worker_ports(config)]
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        fix = f"Find it (`ss -ltnp 'sport = :{config.api.listen.port}'`) and stop it, or change `api.listen`."
        return [failure(check, f"another program listens on {at}: the controller can't start", fix)]
    missing = [part for part, ready in parts.items() if not ready]
    if missing:
        why = "".join(f"; {each}" for each in warnings)
        fix = "The findings below name the cause; the controller's log has the rest."
        verdict = warning if missing == ["accepting"] else failure  # it drains
        return [verdict(check, f"the controller that runs is not ready: {', '.join(missing)}{why}", fix)]
    if warnings:
        return [warning(check, f"a controller runs, and warns: {'; '.join(warnings)}", "Its log has more.")]
    return [ok(check, "a controller runs, and is ready")]


def worker_ports(config: Config) -> list[Finding]:
    """While no controller runs: is there a free port for each worker of this machine?"""
    bridge, check = config.bridge, "worker ports"
    wanted = worker_count(config, os.cpu_count() or 2)
    ports = range(bridge.ports.first, bridge.ports.last + 1)
    free = sum(_is_free(bridge.listen, port) for port in ports)
    if free >= wanted:
        return []
    told = f"{free} of the ports {bridge.ports} on {bridge.listen} are free, and {wanted} workers need one each"
    fix = f"Find what listens there (`ss -ltnp 'sport >= :{ports[0]}'`) and stop it, or change `bridge.ports`."
    return [(warning if free else failure)(check, told, fix)]


def _is_free(host: str, port: int) -> bool:
    """True also if the address itself can't be used: `loopback` tells that."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)  # two programs may be bound with SO_REUSEADDR; one of them listens
    except OSError as error:
        return error.errno != errno.EADDRINUSE
    return True


def clock(theirs: datetime | None, now: datetime | None = None) -> list[Finding]:
    """`theirs`: the time of Asterisk's web server, in whole seconds."""
    check = "clock"
    if theirs is None:
        return [skipped(check, "Asterisk does not send its time")]
    apart = abs(((now or datetime.now(UTC)) - theirs).total_seconds())
    if apart > MAX_SKEW_S:
        fix = "Run chrony or systemd-timesyncd on both machines: records, signatures and calling hours go by the clock."
        return [warning(check, f"this machine and Asterisk's are {apart:.0f} s apart", fix)]
    return [ok(check, "agrees with Asterisk's")]
