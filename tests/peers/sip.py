"""Telephones for the tests: what carriers' customers and called people do. SIPp scenarios, see demo/phone.py."""

from pathlib import Path

from demo.phone import CALLEE, Phone
from demo.rtp import Codec

SCENARIOS = Path(__file__).parents[1] / "e2e" / "sipp"
CANCELLING = SCENARIOS / "cancelling.xml"
IN_A_HURRY = SCENARIOS / "in_a_hurry.xml"
REFUSING = SCENARIOS / "refusing.xml"
STORM = SCENARIOS / "storm.xml"


def caller(sip: str, number: str = "5001", *, codec: Codec = "PCMU", scenario: Path | None = None) -> Phone:
    """Calls in over the trunk: the carrier is known by its address. `sip`: Asterisk's host:port."""
    return Phone(sip, number, codec=codec, **({"scenario": scenario} if scenario else {}))


def callee(sip: str, port: int) -> Phone:
    """Waits for one call on the carrier's port, rings, and answers when told to."""
    return Phone(sip, scenario=CALLEE, port=port)


def refusing(sip: str, port: int, status: str, folder: Path) -> Phone:
    """Refuses one call on the carrier's port with a SIP status such as "603 Decline"."""
    scenario = folder / f"refusing-{status[:3]}.xml"
    scenario.write_text(REFUSING.read_text().replace("486 Busy Here", status))
    return Phone(sip, scenario=scenario, port=port)
