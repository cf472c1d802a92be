"""A telephone whose media moves and which holds: SIPp's part (re-INVITEs as ordered), and the lossy network."""

import time
from pathlib import Path

from simulator.phone.impairment import Impairment
from simulator.phone.phone import Phone
from tests.chaos.lossy_plan import Move
from tests.peers.sip import HOLDING

ANSWERED_WITHIN = 10.0


class LossyNetwork(Impairment):
    """2 % loss and 40 ms of jitter, unless said otherwise. Remembers when it lost a packet (wall clock)."""

    def __init__(self, seed: int, loss: float = 0.02, jitter_ms: float = 40.0) -> None:
        super().__init__(seed=seed, loss=loss, jitter_ms=jitter_ms)
        self.lost_at: list[float] = []

    def arrivals(self, now: float) -> list[float]:
        found = super().arrivals(now)
        if not found:
            self.lost_at.append(time.time())
        return found


class MovingPhone:
    """`phone` is in a call. All of its re-INVITEs go through here."""

    def __init__(self, phone: Phone, media: str) -> None:
        self.phone = phone
        self._sequence = 10
        host, _, port = media.rpartition(":")
        self._target = host, int(port)

    async def hold(self, mode: str) -> None:
        """Nothing but music is sent from now on; with `inactive`, nothing."""
        await self._invite(mode, self.phone.rtp.port)
        if mode == "inactive":
            await self.phone.rtp.stop()

    async def move(self, move: Move) -> float:
        """The sound comes from elsewhere, or goes on after a hold; returns from when on (wall clock)."""
        rtp = self.phone.rtp
        if move.port:
            await self._invite("sendrecv", rtp.open_port())
            rtp.use_port()
        rtp.jump(move.sequence, move.stamp, new_source=move.new_source)
        rtp.aim(*self._target)
        return time.time()

    async def back(self, move: Move) -> float:
        """The end of a hold."""
        if not move.port:
            await self._invite("sendrecv", self.phone.rtp.port)
        return await self.move(move)

    async def _invite(self, mode: str, port: int) -> None:
        self._sequence += 1
        await self.phone.command(f"invite {self._sequence} port {port} {mode}")
        await self.phone.wait(f"moved {self._sequence}", timeout=ANSWERED_WITHIN)


def scenario(folder: Path) -> Path:
    """Of a telephone that sends re-INVITEs as it is told to: `tests/e2e/sipp/holding.xml` without its own."""
    text = HOLDING.read_text()
    begin = text.index("  <!-- Puts us on hold")
    talking = text.index('  <label id="talking" />')
    bye = text.index("  <recvCmd />", talking)
    path = folder / "moving.xml"
    after = text[bye + len("  <recvCmd />") :].replace("CSeq: 9 BYE", "CSeq: 9999 BYE")
    path.write_text(text[:begin] + text[talking:bye] + _MOVING + after)
    return path


_MOVING = """  <recvCmd next="over" test="over">
    <action>
      <ereg regexp="hang up" search_in="msg" assign_to="over" />
      <ereg regexp="invite ([0-9]+) port ([0-9]+) ([a-z]+)" search_in="msg" assign_to="line,number,rtp,mode" />
    </action>
  </recvCmd>
  <send retrans="500"><![CDATA[
    INVITE [next_url] SIP/2.0
    Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[pid]-[$number]
    From: <sip:[user]@[remote_ip]>;tag=[call_number]
    To: [$to]
    Call-ID: [call_id]
    CSeq: [$number] INVITE
    Contact: <sip:[user]@[local_ip]:[local_port]>
    Max-Forwards: 70
    Content-Type: application/sdp
    Content-Length: [len]

    v=0
    o=caller 1 [$number] IN IP[local_ip_type] [local_ip]
    s=-
    c=IN IP[local_ip_type] [local_ip]
    t=0 0
    m=audio [$rtp] RTP/AVP [format] 101
    a=rtpmap:[format] [codec]/8000
    a=rtpmap:101 telephone-event/8000
    a=fmtp:101 0-16
    a=ptime:20
    a=[$mode]

  ]]></send>
  <recv response="100" optional="true" />
  <recv response="200" />
  <send><![CDATA[
    ACK [next_url] SIP/2.0
    Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[pid]-[$number]-ack
    From: <sip:[user]@[remote_ip]>;tag=[call_number]
    To: [$to]
    Call-ID: [call_id]
    CSeq: [$number] ACK
    Max-Forwards: 70
    Content-Length: 0

  ]]></send>
  <sendCmd next="talking"><![CDATA[
    Call-ID: [call_id]
    Event: moved [$number]

  ]]></sendCmd>
  <label id="over" />"""
