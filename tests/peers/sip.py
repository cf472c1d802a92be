"""Telephones for the tests: callers from the carrier, and people who are called.

SIPp scenarios, see simulator/phone/phone.py.
"""

from pathlib import Path

from simulator.phone.phone import CALLEE, CALLER, Phone
from simulator.phone.rtp import Codec

SCENARIOS = Path(__file__).parents[1] / "e2e" / "sipp"
CANCELLING = SCENARIOS / "cancelling.xml"
HOLDING = SCENARIOS / "holding.xml"
IN_A_HURRY = SCENARIOS / "in_a_hurry.xml"
REFERRED = SCENARIOS / "referred.xml"
REFUSING = SCENARIOS / "refusing.xml"
STORM = SCENARIOS / "storm.xml"


def caller(
    sip: str,
    folder: Path,
    number: str = "5001",
    *,
    codec: Codec = "PCMU",
    scenario: Path = CALLER,
    user: str = "4930123456",
) -> Phone:
    """Calls in over the trunk: the carrier is known by its address. `sip`: Asterisk's host:port."""
    return Phone(sip, number, codec=codec, scenario=scenario, user=user, trace=_trace(folder, scenario))


def callee(sip: str, folder: Path, port: int, codec: Codec = "PCMU") -> Phone:
    """Waits for one call on the carrier's port, rings, and answers when told to."""
    return Phone(sip, scenario=CALLEE, port=port, codec=codec, trace=_trace(folder, CALLEE))


def refusing(sip: str, folder: Path, port: int, status: str) -> Phone:
    """Refuses one call on the carrier's port with a SIP status such as "603 Decline". Its Contact, which a 3xx
    redirects to, names it as `callee`."""
    scenario = folder / f"refusing-{status[:3]}.xml"
    scenario.write_text(REFUSING.read_text().replace("486 Busy Here", status))
    return Phone(sip, scenario=scenario, port=port, trace=_trace(folder, REFUSING))


def refusing_late(sip: str, folder: Path, port: int, status: str, after: float) -> Phone:
    """Rings for so many seconds and then refuses."""
    rings = (
        "SIP/2.0 180 Ringing [last_Via:] [last_From:] [last_To:];tag=[pid]-[call_number] [last_Call-ID:] [last_CSeq:]"
    )
    lines = rings.replace(" [last", "\n    [last")
    ringing = (
        f'<recv request="INVITE" />\n  <send><![CDATA[\n    {lines}\n    Content-Length: 0\n\n  ]]></send>\n'
        f'  <pause milliseconds="{round(after * 1000)}" />'
    )
    scenario = folder / f"refusing-{port}.xml"
    text = REFUSING.read_text().replace("486 Busy Here", status).replace('<recv request="INVITE" />', ringing)
    scenario.write_text(text)
    return Phone(sip, scenario=scenario, port=port, trace=_trace(folder, REFUSING))


def referred(sip: str, folder: Path, outcome: str, number: str = "5001") -> Phone:
    """Calls in, takes a REFER, and says once told to what became of it, such as "200 OK"."""
    scenario = folder / f"referred-{outcome[:3]}.xml"
    scenario.write_text(REFERRED.read_text().replace("486 Busy Here", outcome))
    return Phone(sip, number, scenario=scenario, trace=_trace(folder, REFERRED))


def owing(sip: str, folder: Path, expires: int, number: str = "5001") -> Phone:
    """Calls in, takes a REFER, promises news of it for `expires` seconds and never has any. After the call it answers
    481 to whoever asks for them, and says `asked`."""
    text = REFERRED.read_text().replace("active;expires=60", f"active;expires={expires}")
    said, after = text.index("  <recvCmd />"), text.index('  <label id="afterwards" />')
    text = (text[:said] + text[after:]).replace('<sendCmd next="end">', '<sendCmd next="late">', 2)
    scenario = folder / f"owing-{number}.xml"
    scenario.write_text(text.replace('  <label id="end" />', f'{_GONE}\n  <label id="end" />'))
    return Phone(sip, number, scenario=scenario, trace=_trace(folder, scenario))


_GONE = """
  <label id="late" />
  <recv request="SUBSCRIBE" />
  <send><![CDATA[
    SIP/2.0 481 Call/Transaction Does Not Exist
    [last_Via:]
    [last_From:]
    [last_To:]
    [last_Call-ID:]
    [last_CSeq:]
    Content-Length: 0

  ]]></send>
  <sendCmd><![CDATA[
    Call-ID: [call_id]
    Event: asked

  ]]></sendCmd>
"""


def _trace(folder: Path, scenario: Path) -> Path:
    """One file of SIP messages for each telephone of a test."""
    number = len(list(folder.glob("*.sip"))) + 1
    trace = folder / f"{number}-{scenario.stem}.sip"
    trace.touch()
    return trace
