"""The sound of a hostile telephone: RTP, now right and now not.

Owns one UDP socket on loopback. Sources: RFC 3550 (RTP, RTCP), RFC 4733 (keys).
"""

import asyncio
import random
import struct
from typing import Any

RTP = struct.Struct("!BBHII")


class Sound:
    """A socket that sends RTP, now right and now not."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.port = 0

    async def __aenter__(self) -> "Sound":
        made = asyncio.get_running_loop().create_datagram_endpoint(asyncio.DatagramProtocol, ("127.0.0.1", 0))
        self._transport, _ = await made
        self.port = int(self._transport.get_extra_info("sockname")[1])
        return self

    async def __aexit__(self, *error: Any) -> None:
        self._transport.close()

    async def speak(self, port: int, *, ordinarily: bool = False) -> None:
        """50 packets a second, more in a flood of events. `ordinarily`: as a telephone does that is not hostile."""
        chance = self._chance
        sequence, stamp = chance.getrandbits(16), chance.getrandbits(32)
        while True:
            sequence, stamp = sequence + 1 & 0xFFFF, stamp + 160 & 0xFFFFFFFF
            oddity = 0.5 if ordinarily else chance.random()
            if oddity < 0.01:
                sequence, stamp = chance.getrandbits(16), chance.getrandbits(32)
            if oddity < 0.03:
                self._flood_of_events(port, sequence, stamp)
            payload = chance.randbytes(160) if oddity < 0.3 else b"\xff" * 160
            packet = RTP.pack(0x80, 0, sequence, stamp, 7) + payload
            if oddity > 0.95:
                packet = self._odd_packet(sequence, stamp)
            elif oddity > 0.93:
                self._rubbish(port, sequence, stamp)
            self._transport.sendto(packet, ("127.0.0.1", port))
            await asyncio.sleep(0.02)

    def _rubbish(self, port: int, sequence: int, stamp: int) -> None:
        """Other speakers, packets as large as there are, the past and the future, RTCP to its own port and to ours."""
        chance = self._chance
        match chance.randrange(4):
            case 0:  # a speaker for each packet
                heads = [RTP.pack(0x80, 0, sequence, stamp, chance.getrandbits(32)) for _ in range(30)]
                packets = [(head + chance.randbytes(160), port) for head in heads]
            case 1:
                large = RTP.pack(0x80, 0, sequence, stamp, 7) + bytes(chance.choice([4000, 20_000, 60_000]))
                packets = [(large, port)] * 3
            case 2:
                far = (chance.choice([-9000, -300, 300, 9000]), chance.choice([-(2**31), -8000, 8000, 2**31 - 1]))
                head = RTP.pack(0x80, 0, sequence + far[0] & 0xFFFF, stamp + far[1] & 0xFFFFFFFF, 7)
                packets = [(head + chance.randbytes(160), port)] * 10
            case _:
                kinds = (200, 201, 202, 203, 204, 205, 206, 207, 255)
                lengths = (0, 1, 6, 0xFFFF)
                heads = [struct.pack("!BBHI", 0x81, chance.choice(kinds), chance.choice(lengths), 7) for _ in range(20)]
                packets = [
                    (head + chance.randbytes(chance.choice([0, 20, 900])), port + at % 2)
                    for at, head in enumerate(heads)
                ]
        for packet, to in packets:
            self._transport.sendto(packet, ("127.0.0.1", to))

    def _odd_packet(self, sequence: int, stamp: int) -> bytes:
        chance = self._chance
        first, second = chance.choice([0x80, 0x90, 0xBF, 0x00, 0xFF]), chance.getrandbits(8)
        packet = RTP.pack(first, second, sequence, stamp, chance.getrandbits(32)) + chance.randbytes(
            chance.choice([0, 1, 159, 161, 1300])
        )
        return packet[: chance.choice([3, 12, 1400])]

    def _flood_of_events(self, port: int, sequence: int, stamp: int) -> None:
        """At most one of them is a key: keys that have to wait for the one before let Asterisk's thread of this channel
        use a core (docs/asterisk.md, "DTMF digits with a long duration"), which is the subject of test_long_dtmf.py."""
        chance = self._chance
        for number in range(chance.choice([1, 10, 200])):
            code = (
                chance.choice([1, 10, 11])
                if number == 0 and chance.random() < 0.1
                else chance.choice([16, 17, 99, 255])
            )
            event = struct.pack("!BBH", code, chance.getrandbits(8), chance.randrange(800))
            header = RTP.pack(0x80, 101, sequence + number & 0xFFFF, stamp + number & 0xFFFFFFFF, 7)
            self._transport.sendto(header + event, ("127.0.0.1", port))
