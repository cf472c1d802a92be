"""Hostile callers: telephones that speak SIP and RTP badly, and who answers the calls that we place.

Owns UDP sockets on loopback. Each `Line` is one telephone, which has one call after the other; what is still up at the
end is hung up. Does not judge: an Asterisk that says no has done its part.
"""

import asyncio
import random
from collections import Counter
from typing import Any

from tests.chaos import hostile_dialogs as dialogs, hostile_sip as sip, hostile_values as odd
from tests.chaos.hostile_sound import Sound

ANSWER_SECONDS = 8.0
TALK = (3.0, 14.0)
NUMBER = "6660"
SDP = "Content-Type: application/sdp"
METHODS = ("UPDATE", "MESSAGE", "REFER", "SUBSCRIBE", "PUBLISH", "NOTIFY", "PRACK", "X" * 40)


class Line(asyncio.DatagramProtocol):
    """One telephone. `live` until cancelled, then `leave`."""

    def __init__(self, chance: random.Random, server: str, done: Counter[str]) -> None:
        self._chance, self._server, self.done = chance, server, done
        host, _, port = server.rpartition(":")
        self._target = host, int(port)
        self._dialogs: dict[str, sip.Dialog] = {}
        self._up: set[str] = set()
        self._leaving: set[str] = set()
        self._finals: dict[str, asyncio.Future[bytes]] = {}
        self._mute: set[str] = set()
        """Calls in which nothing is acknowledged or answered any more."""

    # ------------------------------------------------------------ datagrams

    def connection_made(self, transport: Any) -> None:
        self._transport: asyncio.DatagramTransport = transport
        self._port = int(transport.get_extra_info("sockname")[1])

    def datagram_received(self, data: bytes, address: Any) -> None:
        if sip.status_of(data) >= 200:
            self._final(data)
        elif data.startswith(b"SIP/2.0"):
            return
        else:
            self._asked(data, address)

    def _final(self, data: bytes) -> None:
        call_id, method = sip.field(data, "Call-ID"), sip.field(data, "CSeq").partition(" ")[2]
        dialog = self._dialogs.get(call_id)
        if dialog is None or method != "INVITE":
            return
        dialog.to = sip.field(data, "To")
        if sip.status_of(data) < 300:
            dialog.target = sip.field(data, "Contact").partition("<")[2].partition(">")[0] or dialog.target
            self._up.add(call_id)
        if call_id not in self._mute:
            self._send(dialog.request("ACK", sequence=int(sip.field(data, "CSeq").partition(" ")[0] or 1)))
        if call_id in self._leaving and call_id in self._up:
            self._bye(dialog)
        final = self._finals.get(call_id)
        if final is not None and not final.done():
            final.set_result(data)

    def _asked(self, data: bytes, address: Any) -> None:
        method = data.partition(b" ")[0]
        if method == b"ACK" or sip.field(data, "Call-ID") in self._mute:
            return
        if method == b"BYE":
            self._up.discard(sip.field(data, "Call-ID"))
        body, kind = "", []
        if method == b"INVITE":
            body, kind = (sip.sdp(self._port), [SDP, f"Contact: <sip:h@127.0.0.1:{self._port}>"])
        self._transport.sendto(sip.answer(data, "200 OK", kind, body), address)

    def _send(self, data: bytes) -> None:
        self._transport.sendto(data, self._target)

    def _bye(self, dialog: sip.Dialog) -> None:
        dialog.sequence += 1
        self._send(dialog.request("BYE"))
        self._up.discard(dialog.call_id)

    # ------------------------------------------------------------ calls

    async def live(self) -> None:
        """One call after the other."""
        kinds = ((self._talks, 8), (self._cancels, 3), (self._odd_invite, 4), (self._no_sip, 2), (self._is_mute, 1))
        while True:
            kind = self._chance.choices([each for each, _ in kinds], [weight for _, weight in kinds])[0]
            self.done[kind.__name__.lstrip("_")] += 1
            await kind()
            await asyncio.sleep(self._chance.uniform(0.1, 1.0))

    async def leave(self) -> None:
        """Hangs up whatever may still be up."""
        self._mute.clear()
        self._leaving |= set(self._dialogs)
        for dialog in self._dialogs.values():
            if dialog.call_id in self._up:
                self._bye(dialog)
            elif not dialog.to:
                self._send(dialog.request("CANCEL"))
        await asyncio.sleep(1.5)
        self._transport.close()

    def _dialog(self, number: str = NUMBER, caller: str = "") -> sip.Dialog:
        call_id = f"hostile-{self._chance.getrandbits(60):x}"
        caller = caller or f"<sip:66{self._port}@127.0.0.1>"
        dialog = sip.Dialog(call_id, self._server, self._port, number, caller)
        self._dialogs[call_id] = dialog
        while len(self._dialogs) > 300:  # an hour has thousands
            gone = next(iter(self._dialogs))
            if gone in self._up:
                break
            del self._dialogs[gone]
        return dialog

    async def _invite(self, dialog: sip.Dialog, headers: list[str], body: str) -> bytes:
        """The final answer; nothing if there was none in time."""
        final: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._finals[dialog.call_id] = final
        request = dialog.request("INVITE", [SDP, *headers], body)
        try:
            for _ in range(2):  # a datagram may get lost
                self._send(request)
                await asyncio.wait([final], timeout=ANSWER_SECONDS / 2)
                if final.done():
                    return final.result()
            self._leaving.add(dialog.call_id)
            self._send(dialog.request("CANCEL"))
            return b""
        finally:
            del self._finals[dialog.call_id]

    async def _talks(self) -> None:
        """An answered call in which everything else is odd."""
        name = self._chance.choice(["", "", self._chance.choice(sip.NAMES)])
        dialog = self._dialog(caller=f"{name}<sip:66{self._port}@127.0.0.1>")
        async with Sound(self._chance) as sound:
            final = await self._invite(dialog, [], sip.sdp(sound.port))
            if sip.status_of(final) != 200:
                self.done[f"refused {sip.status_of(final)}"] += 1
                return
            self.done["answered"] += 1
            speaking = asyncio.create_task(sound.speak(sip.media_port(final)))
            until = asyncio.get_running_loop().time() + self._chance.uniform(*TALK)
            try:
                while asyncio.get_running_loop().time() < until and dialog.call_id in self._up:
                    await asyncio.sleep(self._chance.uniform(0.2, 1.5))
                    self._in_dialog(dialog, sound.port)
                await self._end(dialog)
            finally:
                speaking.cancel()
                await asyncio.wait([speaking])

    def _in_dialog(self, dialog: sip.Dialog, port: int) -> None:
        chance = self._chance
        dialog.sequence += 1
        if chance.random() < 0.3:
            story = chance.choice(dialogs.KINDS)
            self.done[story.__name__] += 1
            for request in story(chance, dialog, port):
                self._send(request)
            return
        match chance.randrange(5):
            case 0:
                kind, body = chance.choice(sip.INFOS)
                self._send(dialog.request("INFO", [f"Content-Type: {kind}"], body))
            case 1:
                mode = chance.choice(["sendonly", "inactive", "recvonly", "sendrecv"])
                body = sip.sdp(port, mode, dialog.sequence) if chance.random() < 0.6 else sip.odd_sdp(chance, port)
                self._send(dialog.request("INVITE", [SDP], body))
            case 2:
                self._send(
                    dialog.request(chance.choice(METHODS), [f"Refer-To: <sip:{chance.choice(sip.USERS)}@127.0.0.1>"])
                )
            case 3:
                self._send(dialog.request("INFO", sip.odd_headers(chance), sip.one_line(odd.text(chance))[:900]))
            case _:
                return

    async def _end(self, dialog: sip.Dialog) -> None:
        if dialog.call_id not in self._up:
            return
        match self._chance.randrange(4):
            case 0:
                self._send(dialog.request("CANCEL", sequence=1))
                self._bye(dialog)
            case 1:
                self._bye(dialog)
                self._bye(dialog)
                self._send(dialog.request("INVITE", [SDP], sip.sdp(9)))
            case _:
                self._bye(dialog)

    async def _cancels(self) -> None:
        dialog = self._dialog()
        self._leaving.add(dialog.call_id)
        self._send(dialog.request("INVITE", [SDP], sip.sdp(9)))
        await asyncio.sleep(self._chance.choice([0.0, 0.005, 0.05, 0.1, 0.3, 0.8]))
        for method in self._chance.choice([("CANCEL",), ("CANCEL", "CANCEL"), ("BYE", "CANCEL"), ("CANCEL", "ACK")]):
            self._send(dialog.request(method))
        await asyncio.sleep(1.0)

    async def _odd_invite(self) -> None:
        chance = self._chance
        caller = f"{chance.choice(sip.NAMES)}<sip:{chance.choice(sip.USERS)}@127.0.0.1>"
        dialog = self._dialog(chance.choice(sip.CALLED), caller)
        body = sip.sdp(9) if chance.random() < 0.6 else sip.odd_sdp(chance, 9)
        final = await self._invite(dialog, sip.odd_headers(chance), body)
        self.done[f"odd {sip.status_of(final)}"] += 1
        if sip.status_of(final) == 200:
            await asyncio.sleep(chance.uniform(0, 4))
            await self._end(dialog)

    async def _is_mute(self) -> None:
        """A telephone that calls and then neither acknowledges nor answers anything."""
        dialog = self._dialog()
        self._mute.add(dialog.call_id)
        final = await self._invite(dialog, [], sip.sdp(9))
        self.done[f"mute {sip.status_of(final)}"] += 1
        await asyncio.sleep(self._chance.uniform(0, 3))

    async def _no_sip(self) -> None:
        raw = self._dialog().request("OPTIONS", sip.odd_headers(self._chance))
        for _ in range(20):
            cut = self._chance.randrange(len(raw))
            self._send(self._chance.choice([raw[:cut], raw[cut:], self._chance.randbytes(400), b"\r\n\r\n", b"\0"]))


class Callee(asyncio.DatagramProtocol):
    """Whoever is dialled over the trunk: answers, refuses, redirects or says nothing, and hangs up at the end."""

    def __init__(self, chance: random.Random, done: Counter[str]) -> None:
        self._chance, self.done = chance, done

    def connection_made(self, transport: Any) -> None:
        self._transport: asyncio.DatagramTransport = transport
        self._port = int(transport.get_extra_info("sockname")[1])

    def datagram_received(self, data: bytes, address: Any) -> None:
        method = data.partition(b" ")[0].decode("utf-8", "replace")
        if method in ("ACK", "SIP/2.0"):
            return
        if method != "INVITE":
            self._transport.sendto(sip.answer(data, "200 OK"), address)
            return
        self.done["dialled"] += 1
        status = self._chance.choice(
            ["200 OK", "200 OK", "180 Ringing", "486 Busy", "302 Moved", "407 Who", "600 No", "699 X", "183 P", "500 E"]
        )
        mine = f"<sip:c@127.0.0.1:{self._port}>"
        body = sip.sdp(9) if self._chance.random() < 0.6 else sip.odd_sdp(self._chance, 9)
        headers = [SDP, f"Contact: {mine}", *sip.odd_headers(self._chance)[:5]]
        self._transport.sendto(sip.answer(data, status, headers, body), address)

    def close(self) -> None:
        self._transport.close()
