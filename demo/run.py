"""`voiceai demo`: one telephone call through a real Asterisk, from the first ring to the recording.

Owns the order of the steps: Asterisk, a Realtime server (OpenAI itself when OPENAI_API_KEY is set), `voiceai serve`, a
telephone that calls extension 5001, a colleague to whom the call is transferred, the verdict, and the end of all
that was started here. Returns the exit status: 0, or 1 with a line that says what failed and where to look.
"""

import asyncio
import contextlib
import os
import secrets
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from rich.console import Console

from demo.agent_tests import TESTS
from demo.caller import SAID, Caller, CallerError, samples
from demo.printer import CallPrinter
from simulator.audio.sound import compare
from simulator.audio.speech import Speaker
from simulator.chat.server import ChatServer
from simulator.phone import recording
from simulator.phone.phone import CALLEE, Phone, PhoneError
from simulator.ports import free_port
from simulator.services import ROOT, Asterisk, Service, ServiceError, asterisk, realtime_server

EXTENSION = "5001"
COLLEAGUE = "+4930555123"
INSTANCE = os.environ.get("ASTERISK_NAME", "demo")
FOLDER = ROOT / "var" / INSTANCE
CALL_SECONDS = 90.0
CLEAN_SECONDS = 2.0
LONGEST_GAP = 0.04  # seconds of silence put into a reply

INSTRUCTIONS = (
    "You are the receptionist of a small telephone software company, on the telephone. Be friendly. Answer in one or "
    "two short sentences, but when you are asked about the company, talk about it for at least half a minute. The "
    "office is open from nine to six, Monday to Friday. If the caller asks to stop, stop and listen. If the caller "
    "wants a person, say that you are connecting them and use the transfer tool. If they say goodbye, say goodbye and "
    "hang up."
)
GREETING = "Good day. You are speaking with the reception. How can I help you?"


class DemoError(Exception):
    """Something that the demo measured is not as it must be."""


async def run(keep: bool) -> int:
    """The exit status. `keep`: stay up afterwards until Ctrl-C, so that a softphone can call."""
    console = Console(highlight=False)
    keep = keep or os.environ.get("KEEP", "") not in ("", "0")
    main = asyncio.current_task()
    assert main is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, main.cancel)
    FOLDER.mkdir(parents=True, exist_ok=True)
    try:
        console.print("demo: starting Asterisk, a Realtime server and voiceai ...")
        async with installation(printer := CallPrinter(console)) as (pbx, service):
            verdict = await service.during(_call(printer, pbx))
            console.print(f"demo: ok {verdict}", soft_wrap=True)
            if keep:
                await service.during(_stay(console, pbx, service))
    except asyncio.CancelledError:
        console.print("demo: stopped")
        return 0 if keep else 130
    except (ServiceError, PhoneError, CallerError, DemoError) as error:
        return _failed(console, str(error))
    except TimeoutError:  # an OSError too, so it comes first
        return _failed(console, f"the call was not over after {CALL_SECONDS:g} s")
    except OSError as error:
        return _failed(console, f"{error.strerror or error}: {error.filename or ''}".rstrip(": "))
    return 0


def _failed(console: Console, what: str) -> int:
    console.print(f"demo: failed: {what}", style="bold red", soft_wrap=True)
    logs = (
        f"look at {FOLDER}/: service.log, simulator.log, caller.sip; and at `asterisk/asterisk --name {INSTANCE} logs`"
    )
    console.print(logs, soft_wrap=True)
    return 1


@asynccontextmanager
async def installation(printer: CallPrinter) -> AsyncIterator[tuple[Asterisk, Service]]:
    """All that the call needs, running; gone afterwards."""
    key, token = os.environ.get("OPENAI_API_KEY", ""), secrets.token_urlsafe(24)
    async with AsyncExitStack() as stack:
        pbx = await stack.enter_async_context(asterisk(INSTANCE))
        openai: dict[str, Any] = {"api_key": "${OPENAI_API_KEY}"}
        chat: dict[str, Any] = {"api_key": "${OPENAI_API_KEY}", "model": "gpt-5.4-mini"}
        if not key:
            key = secrets.token_urlsafe(24)
            chat["url"] = (await stack.enter_async_context(ChatServer(api_key=key))).url
            openai["url"] = await stack.enter_async_context(realtime_server(FOLDER / "simulator.log", key))
        environment = {"OPENAI_API_KEY": key, "ARI_PASSWORD": pbx.settings["ARI_PASSWORD"], "VOICEAI_API_TOKEN": token}
        service = Service(_config(pbx, openai, chat), FOLDER, token=token, environment=environment, hear=printer.hear)
        yield pbx, await stack.enter_async_context(service)


def _config(pbx: Asterisk, openai: dict[str, Any], chat: dict[str, Any]) -> dict[str, Any]:
    """config.yaml for this run. Secrets stay in the environment."""
    return {
        "asterisk": {"ari": {**pbx.ari_keys, "password": "${ARI_PASSWORD}"}},
        "openai": openai,
        "bridge": {"workers": 1, "ports": "19092-19131"},
        "api": {
            "listen": f"127.0.0.1:{free_port()}",
            "tokens": [{"name": "demo", "token": "${VOICEAI_API_TOKEN}", "scopes": ["admin"]}],
        },
        "shutdown": {"drain_s": 0},
        "store": {"url": f"sqlite+aiosqlite:///{FOLDER}/voiceai.sqlite3"},
        "trunks": {
            "main": {
                "endpoint": "PJSIP/{number}@trunk",
                "caller_id": "+4930555001",
                "allow": [r"\+4930555[0-9]{3}"],
                "country_code": "49",
            }
        },
        "agents": {"reception": {"instructions": INSTRUCTIONS, "greeting": GREETING, "voice": "marin", "tests": TESTS}},
        "agent_tests": {"caller": chat, "judge": chat},
        "routes": [{"to": EXTENSION, "agent": "reception"}],
        "transfer": {"targets": {"colleague": COLLEAGUE}},
        "softphone": {},
    }


async def _call(printer: CallPrinter, pbx: Asterisk) -> str:
    """The call; what was measured, in one line. Raises DemoError and what the telephones raise."""
    user, password = "phone1", pbx.settings["PHONE_PASSWORD"]
    path = FOLDER / f"call-{time.strftime('%Y%m%d-%H%M%S')}.wav"
    printer.tell("call", f"{user} dials {EXTENSION} at {pbx.sip}")
    async with (
        Phone(pbx.sip, scenario=CALLEE, port=pbx.trunk_port, trace=FOLDER / "colleague.sip") as colleague,
        Phone(pbx.sip, EXTENSION, user=user, password=password, trace=FOLDER / "caller.sip") as phone,
    ):
        caller = Caller(phone, printer.tell)
        try:
            async with asyncio.timeout(CALL_SECONDS):
                await caller.converse()
                rings = await colleague.wait("called")
                caller.hear_notice(rings.at)
                printer.tell("call", "the colleague's telephone rings")
                await colleague.command("answer")
                await colleague.answered()
                await caller.hear_colleague(colleague)
                await phone.hang_up()
                printer.tell("caller", "hangs up")
                await colleague.wait("left")
        finally:
            seconds = recording.write(path, phone.rtp)
    await _nothing_left(pbx)
    checked = await _verdict(caller, printer)
    return f"{checked} recording={path} ({seconds:.0f} s)"


async def _nothing_left(pbx: Asterisk) -> None:
    """Asterisk itself must know of no channel and no bridge any more."""
    left = "?"
    async with pbx.ari() as ari:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLEAN_SECONDS):
                while left:
                    channels, bridges = (await ari.get("/channels")).json(), (await ari.get("/bridges")).json()
                    left = ", ".join([*(each["name"] for each in channels), *(each["id"] for each in bridges)])
                    await asyncio.sleep(0.05)
    if left:
        raise DemoError(f"{CLEAN_SECONDS:g} s after the call Asterisk still has: {left}")


async def _verdict(caller: Caller, printer: CallPrinter) -> str:
    figures = caller.figures
    if printer.rate != (24000, 960):
        raise DemoError(f"the media leg has (rate, bytes) {printer.rate} instead of 24000 and 960")
    agent = [text for who, text in printer.said if who == "agent"]
    heard = [text for who, text in printer.said if who == "caller"]
    gap = max(reply.longest_wait for reply in figures.replies)
    words = f"{len(heard)} sentences of the caller, {len(agent)} of the agent"
    if not os.environ.get("OPENAI_API_KEY"):
        if missed := [text for text in SAID if text not in heard]:
            raise DemoError(f"the agent did not understand: {'; '.join(missed)}")
        alike, gap = await _as_meant(caller, agent)
        words += f" (sound {alike:.0%} as spoken)"
        if gap > LONGEST_GAP:
            raise DemoError(f"a reply had {gap * 1000:.0f} ms of silence put in")
    turns = sorted(figures.turns_ms)
    return (
        f"answer-to-sound={figures.greeting_ms:.0f}ms turn={turns[len(turns) // 2]:.0f}ms (max {turns[-1]:.0f}) "
        f"bridge={max(printer.first_frame_ms, default=0):.0f}ms barge-in={figures.cut_ms:.0f}ms "
        f"gap={gap * 1000:.0f}ms rate=24kHz/960B words: {words};"
    )


async def _as_meant(caller: Caller, agent: list[str]) -> tuple[float, float]:
    """The replies at the caller's ear against the same words spoken anew: least likeness, longest gap (seconds)."""
    speaker = Speaker()
    alike, gap = 1.0, 0.0
    for text, reply in zip(agent, caller.figures.replies, strict=False):
        found = compare(reply.samples, samples(await speaker.say(text)))
        alike, gap = min(alike, found.alike), max(gap, found.gap)
    if alike < 0.6:
        raise DemoError(f"what the caller heard is only {alike:.0%} like what the agent said")
    return alike, gap


async def _stay(console: Console, pbx: Asterisk, service: Service) -> None:
    """Until Ctrl-C."""
    settings = pbx.settings
    host = settings["SIP_HOST"]
    token = str(service.api.headers["authorization"]).removeprefix("Bearer ")
    console.print(
        "demo: stays up. Talk to the agent from a browser on this machine, without a telephone:", soft_wrap=True
    )
    console.print(f"demo:   open {service.url}/console/#/talk, log in with {token}, press Talk", soft_wrap=True)
    shell = f"VOICEAI_URL={service.url} VOICEAI_API_TOKEN={token} .venv/bin/voiceai"
    console.print(f"demo: or type: {shell} try reception; its tests: {shell} test reception", soft_wrap=True)
    console.print(
        f"demo: or register a softphone: host {host} port {settings['SIP_PORT']} (UDP), user phone2, password "
        f"{settings['PHONE_PASSWORD']}; then dial {EXTENSION}. Ctrl-C ends it.",
        soft_wrap=True,
    )
    await asyncio.Event().wait()
