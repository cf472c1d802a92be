"""A telephone: SIPp does the SIP, `RtpEnd` the sound, and this tells SIPp what to do when.

Owns one SIPp process for one call. SIPp's third-party call control (a TCP connection over which scenarios send and
await messages) carries its news to us and our wishes to it: a scenario says `Event: answered`, and waits, then hangs
up when it is told to. Refuses to interpret: what the events mean, the scenario files say.

Source: SIPp reference, 3PCC; its messages end with ESC (0x1B).
"""

import asyncio
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from simulator.phone.rtp import PAYLOAD_TYPES, Codec, RtpEnd

SCENARIOS = Path(__file__).parent / "sipp"
CALLER, CALLEE = SCENARIOS / "caller.xml", SCENARIOS / "callee.xml"
END_OF_MESSAGE = b"\x1b"


class PhoneError(Exception):
    """The telephone could not do what was asked; the text says what SIPp said."""


@dataclass(frozen=True, slots=True)
class News:
    """What a scenario reported. `event`: calling, ringing, answered, refused, left, hung up…; `at`: wall clock."""

    event: str
    at: float
    fields: Mapping[str, str] = field(default_factory=dict)


class Phone:
    """`async with Phone(scenario, …) as phone:` runs one call of a scenario.

    `server`: host:port of the SIP server; `number`: whom to call. `user` and `password`: the account, if asked for.
    `port`: where it listens, 0 for any. `keys`: more values for the scenario's [name] places.
    `trace`: a file for all SIP messages.
    On the way out the process is stopped, whatever state the call is in.
    """

    def __init__(
        self,
        server: str,
        number: str = "",
        *,
        scenario: Path = CALLER,
        user: str = "4930123456",
        password: str = "",
        port: int = 0,
        codec: Codec = "PCMU",
        keys: Mapping[str, str] | None = None,
        trace: Path | None = None,
    ) -> None:
        self.rtp = RtpEnd(codec)
        self.news: list[News] = []
        self._server, self._number, self._scenario = server, number, scenario
        self._user, self._password, self._port = user, password, port
        self._keys, self._trace = dict(keys or {}), trace
        self._writer: asyncio.StreamWriter | None = None
        self._call_id = ""
        self._complaint = ""
        self._ready = asyncio.Event()
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        await self.rtp.__aenter__()
        self._twin = await asyncio.start_server(self._listen, "127.0.0.1", 0)
        try:
            await self._start()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def wait(self, *events: str, timeout: float = 10.0) -> News:
        """The first of these events, past or to come. Raises PhoneError when SIPp ends first or time is over."""
        try:
            async with asyncio.timeout(timeout):
                while True:
                    found = next((news for news in self.news if news.event in events), None)
                    if found is not None:
                        return found
                    if self._watch.done() or any(news.event == "aborted" for news in self.news):
                        break
                    await self._changed.wait()
        except TimeoutError:
            pass
        so_far = ", ".join(news.event for news in self.news) or "nothing"
        expected = " or ".join(repr(each) for each in events)
        raise PhoneError(f"no {expected} within {timeout:g} s, but {so_far}. {self._complaint}".strip())

    async def answered(self, timeout: float = 15.0) -> News:
        """Wait for the answer, then send and receive sound."""
        news = await self.wait("answered", "refused", timeout=timeout)
        if news.event == "refused":
            raise PhoneError(f"the call was refused with SIP status {news.fields.get('status')}")
        return news

    async def command(self, text: str) -> None:
        """Let the scenario go on from where it waits for a command."""
        assert self._writer is not None
        self._writer.write(f"Call-ID: {self._call_id}\r\nCommand: {text}\r\n\r\n".encode() + END_OF_MESSAGE)
        await self._writer.drain()

    async def hang_up(self) -> News:
        """Say BYE and wait for its answer; nothing if the other side has left already."""
        left = next((news for news in self.news if news.event == "left"), None)
        if left is not None:
            return left
        await self.rtp.stop()
        await self.command("hang up")
        return await self.wait("hung up", "left")

    # ---------------------------------------------------------------- the process

    async def _start(self) -> None:
        program = shutil.which("sipp")
        if program is None:
            raise PhoneError("SIPp is not installed: apt install sip-tester")
        twin = self._twin.sockets[0].getsockname()[1]
        # What an earlier call at this port left behind, such as a CANCEL that is sent again, is a call to SIPp, too.
        calls = 5 if self._port else 1
        keys = {
            "user": self._user,
            "rtp_port": str(self.rtp.port),
            "format": str(PAYLOAD_TYPES[self.rtp.codec]),
            "codec": self.rtp.codec,
            **self._keys,
        }
        arguments = [
            *(self._server, "-sf", str(self._scenario), "-i", "127.0.0.1", "-m", str(calls), "-nostdin"),
            *("-3pcc", f"127.0.0.1:{twin}", "-s", self._number or "-"),
            *(("-p", str(self._port)) if self._port else ()),
            *(("-trace_msg", "-message_file", str(self._trace)) if self._trace else ()),
            *("-au", self._user, "-ap", self._password or "-"),
            *(word for key, value in keys.items() for word in ("-key", key, value)),
        ]
        self._process = await asyncio.create_subprocess_exec(
            program,
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            # Ctrl-C at the terminal is for us: we hang up in order.
            start_new_session=True,
        )
        self._watch = asyncio.create_task(self._until_exit(), name="sipp")
        async with asyncio.timeout(5):
            await self._ready.wait()
        if self._process.returncode is not None:
            raise PhoneError(f"SIPp ended with status {self._process.returncode} at once: {self._complaint}")

    async def _until_exit(self) -> None:
        _, complaint = await self._process.communicate()
        self._complaint = complaint.decode(errors="replace").strip()
        self._ready.set()
        self._tell()

    async def _stop(self) -> None:
        self._twin.close()
        process = getattr(self, "_process", None)
        if process is not None:
            if process.returncode is None:
                process.terminate()
            try:
                async with asyncio.timeout(3):
                    await process.wait()
            except TimeoutError:
                process.kill()
            await self._watch
        if self._writer is not None:
            self._writer.close()
        await self.rtp.__aexit__(None, None, None)

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._ready.set()
        try:
            while message := await reader.readuntil(END_OF_MESSAGE):
                self._hear(message.rstrip(END_OF_MESSAGE).decode())
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # SIPp has ended
        finally:
            writer.close()

    def _hear(self, message: str) -> None:
        lines = (line.partition(":") for line in message.splitlines() if ":" in line)
        fields = {name.strip().lower(): value.strip() for name, _, value in lines}
        # When something unforeseen comes, SIPp gives the call up and says so in a form of its own.
        event = "aborted" if "internal-cmd" in fields else fields.get("event", "?")
        if self._port and event == "aborted" and fields.get("call-id") != self._call_id:
            return
        self._call_id = fields.get("call-id", self._call_id)
        if "media" in fields:
            host, _, port = fields["media"].rpartition(":")
            self.rtp.aim(host, int(port))
        self.news.append(News(event, time.time(), fields))
        self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
