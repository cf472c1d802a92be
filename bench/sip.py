"""One point of the benchmark with telephone calls: SIPp, a real Asterisk, the controller, one worker.

Owns the installation around the calls and the reading of all its processes. Who calls is SIPp, which plays speech and
pauses in a loop; two of the calls have a telephone of ours that notes when each RTP packet came. What a caller hears is
paced by Asterisk here, so that the worker's own gaps are told by its clock and by each call's counters.
"""

import asyncio
import os
import secrets
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from bench import processes, speech
from bench.provider import Provider
from bench.results import Seen, rank, spread
from simulator.phone.phone import Phone
from simulator.ports import free_port
from simulator.services import ROOT, Asterisk, Service, asterisk
from tests.peers.certificates import certificate

SCENARIO = Path(__file__).parent / "sipp" / "talker.xml"
CALLS_PER_SECOND = 10
SETTLE_SECONDS = 4.0
LISTENERS = 2
UNHURRIED = -10
"""Niceness of what is not sound, where sound goes first: before what else the machine has to do."""
OUTSIDE = 20
SPARE_PORTS = 9
"""Each worker takes the first that is free."""
SPEECH_SECONDS, PAUSE_SECONDS = 1.2, 5.0
NOISE = 0.002
"""RMS, of 1: -54 dB."""
SCRAPE_SECONDS = 5.0


async def sip_point(
    calls: int, seconds: float, out: Path, workers: int = 1, *, realtime: bool = True, tls: bool = True
) -> dict[str, Any]:
    """One report. Raises TimeoutError or ServiceError if the calls do not come up. `realtime`: as shipped, Asterisk and
    the workers have realtime priority if that is permitted."""
    write_speech(out / "speech.ulaw")
    if realtime:
        os.setpriority(os.PRIO_PROCESS, 0, UNHURRIED)  # the controller's too: they share what the sound leaves
    provider, seen = Provider(by_level=True, certificate=certificate(out) if tls else None), Seen()
    async with AsyncExitStack() as stack:
        pbx = await stack.enter_async_context(asterisk("bench", HIGH_PRIORITY="auto" if realtime else "no"))
        await stack.enter_async_context(provider)
        service = await stack.enter_async_context(installation(pbx, provider, calls, out, workers, realtime))
        phones = [await stack.enter_async_context(Phone(pbx.sip, "5001")) for _ in range(min(LISTENERS, calls))]
        for phone in phones:
            await phone.rtp.stop()  # they listen: what a busy Python sent late would be counted as lost by the worker
        lasting = calls / CALLS_PER_SECOND + 2 * SETTLE_SECONDS + seconds
        sipp = await stack.enter_async_context(callers(pbx, calls - len(phones), lasting, out, realtime))
        await stack.enter_async_context(watching(service))
        began = time.monotonic()
        await _up(service, calls)
        up_s = time.monotonic() - began
        await asyncio.sleep(SETTLE_SECONDS)
        pids = {**_workers(service, workers), "controller": service.pid, "asterisk": _pid(pbx), "sipp": sipp.pid}
        figures = await _measure(pids, seconds, provider, seen, phones)
        for phone in phones:
            await phone.hang_up()
        await _down(service, calls)
    ended = [line for line in service.lines if line.get("event") == "call ended"]
    figures |= {"up_s": round(up_s, 1), "answer_ms": spread(answer_times(out)), "tls": tls, "realtime": realtime}
    return _report(calls, figures, seen, ended)


@asynccontextmanager
async def installation(
    pbx: Asterisk, provider: Provider, calls: int, out: Path, workers: int, realtime: bool
) -> AsyncIterator[Service]:
    token, env, first, store = secrets.token_urlsafe(16), pbx.settings, free_port(), out / "voiceai.sqlite3"
    _forget(store)
    config = {
        "asterisk": {
            "ari": {
                "url": env["ARI_URL"],
                "username": env["ARI_USERNAME"],
                "password": env["ARI_PASSWORD"],
                "app": env["ARI_APP"],
            }
        },
        "openai": {"url": provider.url, "api_key": "bench"},
        "bridge": {
            "workers": workers,
            "ports": f"{first}-{first + SPARE_PORTS}",
            "capacity": calls + 10,
            "realtime": "auto" if realtime else False,
        },
        "api": {
            "listen": f"127.0.0.1:{free_port()}",
            "tokens": [{"name": "bench", "token": token, "scopes": ["admin"]}],
        },
        "agents": {"bench": {"instructions": "Answer."}},
        "store": {"url": f"sqlite+aiosqlite:///{store}"},
    }
    async with Service(config, out, token=token, environment=provider.environment) as service:
        yield service


@asynccontextmanager
async def callers(
    pbx: Asterisk, calls: int, lasting: float, out: Path, realtime: bool, rate: int = CALLS_PER_SECOND
) -> AsyncIterator[asyncio.subprocess.Process]:
    """SIPp: so many calls, `rate` of them a second, each as long as `lasting` says, in seconds."""
    sipp = shutil.which("sipp")
    assert sipp is not None, "SIPp is not installed; `make setup` does it"
    # It is the world outside, whose packets come when they come: what it sent late would be counted as lost by us.
    command = ("chrt", "-r", str(OUTSIDE), sipp) if realtime else (sipp,)
    arguments = (
        *(*command, pbx.sip, "-sf", str(SCENARIO), "-i", "127.0.0.1", "-nostdin", "-s", "5001"),
        *("-m", str(calls), "-r", str(rate), "-l", str(calls), "-d", str(int(lasting * 1000))),
        *("-key", "user", "4930123456", "-key", "format", "0", "-key", "codec", "PCMU"),
        *("-trace_rtt", "-rtt_freq", "1"),
        *("-timeout", f"{calls / rate + 2 * lasting + 30:.0f}s", "-trace_err", "-error_file", str(out / "sipp.log")),
    )
    null = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*arguments, stdin=null, stdout=null, stderr=null, cwd=out)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@asynccontextmanager
async def watching(service: Service) -> AsyncIterator[None]:
    """What runs beside calls in production: Prometheus scrapes, and a console is open."""
    tasks = [
        asyncio.create_task(_scrape(service), name="scrape"),
        asyncio.create_task(_read_stream(service, "/v1/events"), name="console: events"),
        asyncio.create_task(_read_stream(service, "/v1/live"), name="console: live"),
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def _scrape(service: Service) -> None:
    while True:
        (await service.api.get("/metrics")).raise_for_status()
        await asyncio.sleep(SCRAPE_SECONDS)


async def _read_stream(service: Service, path: str) -> None:
    async with service.api.stream("GET", path, timeout=None) as response:
        response.raise_for_status()
        async for _ in response.aiter_bytes():
            pass


def answer_times(out: Path) -> list[float]:
    """Milliseconds from INVITE to 200 of each call that was answered, from SIPp's statistics file."""
    (written,) = out.glob("talker_*_rtt.csv")
    rows = [line.split(";") for line in written.read_text().splitlines()[1:]]
    return [float(row[1]) for row in rows]


async def _up(service: Service, calls: int) -> None:
    await service.logged("call state", 30 + calls / CALLS_PER_SECOND, nth=calls, state="talking")


async def _down(service: Service, calls: int) -> None:
    await service.logged("call ended", 30 + calls / CALLS_PER_SECOND + 2 * SETTLE_SECONDS, nth=calls)


def _workers(service: Service, count: int) -> dict[str, int]:
    """Their process ids, as `worker`, `worker2` and so on."""
    pids = [int(line["pid"]) for line in service.lines if line.get("event") == "worker started"][:count]
    return {f"worker{number if number > 1 else ''}": pid for number, pid in enumerate(pids, 1)}


def _pid(pbx: Asterisk) -> int:
    return int((ROOT / "var" / "asterisk" / pbx.name / "pid").read_text().split()[0])


async def _measure(
    pids: dict[str, int], seconds: float, provider: Provider, seen: Seen, phones: list[Phone]
) -> dict[str, Any]:
    before = {name: processes.read(pid) for name, pid in pids.items() | {("load", os.getpid())}}
    busy = processes.busy()
    provider.seen = seen
    began = time.time()
    await asyncio.sleep(seconds)
    provider.seen = None
    seen.arrivals = [[each.at for each in phone.rtp.heard if each.at >= began] for phone in phones]
    after = {name: processes.read(pid) for name, pid in pids.items() | {("load", os.getpid())}}
    ours = sum(after[name].cpu - before[name].cpu for name in before)
    return {
        "cpu_pct": {name: processes.cpu_percent(before[name], after[name]) for name in before},
        "foreign_cpu_pct": round(100 * max(0.0, processes.busy() - busy - ours) / seconds, 1),
        "rss_mb": {name: round(reading.rss / 2**20, 1) for name, reading in after.items()},
        "seconds": seconds,
    }


def _report(calls: int, figures: dict[str, Any], seen: Seen, ended: list[dict[str, Any]]) -> dict[str, Any]:
    percent = figures["cpu_pct"] = {name: round(value, 1) for name, value in figures["cpu_pct"].items()}
    worker = sum(value for name, value in percent.items() if name.startswith("worker"))
    others = {name: value for name, value in percent.items() if not name.startswith("worker")}
    per_call = {name: round(value / calls, 4) for name, value in {"worker": worker, **others}.items()}
    gaps = [(b - a) * 1000 for times in seen.arrivals for a, b in pairwise(times)]
    losses = ("late_frames", "dropped_frames", "late_frames_out", "dropped_frames_out")
    lost = sum(line.get(name, 0) for line in ended for name in losses)
    return {
        "calls": calls,
        "cpu_pct_per_call": per_call,
        "cpu_ratio_to_asterisk": round(per_call["worker"] / per_call["asterisk"], 2),
        **figures,
        "gap_ms": spread(gaps, p999=True),
        "frames_per_second": round(seen.frames_up / figures["seconds"] / calls, 2),
        "lost": lost,
        "answered": len(ended),
        "interruptions": seen.interruptions,
        "truncations": seen.truncations,
        "refused": seen.refused,
        "within_service_level": lost == 0 and len(ended) == calls and (rank(gaps, 0.99) or 99) <= 25,
    }


def _forget(store: Path) -> None:
    """The calls that a run which was cut short has left in it would be taken over."""
    for each in store.parent.glob(f"{store.name}*"):
        each.unlink()
    forget_answer_times(store.parent)


def forget_answer_times(out: Path) -> None:
    """Those of an earlier run: `answer_times` reads the file that is there."""
    for each in out.glob("talker_*_rtt.csv"):
        each.unlink()


def write_speech(path: Path) -> None:
    """Speech and a pause, 8 kHz µ-law as SIPp streams it. The pause is not silent: telephone lines have noise."""
    rate = 8000
    noise = NOISE * np.random.default_rng(2).standard_normal(int(rate * PAUSE_SECONDS))
    sound = np.concatenate([speech.voice(SPEECH_SECONDS, rate), noise])
    soundfile.write(path, sound, rate, format="RAW", subtype="ULAW")
