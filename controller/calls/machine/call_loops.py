"""Calls that voiceai dials and that come back to it: how their legs are marked and recognised. [pure]

A leg that we dial carries a count: how often its caller has been sent on by voiceai, and whether the other end of it is
an agent. It is a SIP header, or for a Local channel an inherited channel variable; a caller whom we send into the
dialplan carries the variable. Trunks may remove it, so a caller is also compared with the legs that ring at this
moment, were answered a moment ago, or are asked for by REFER: to the same number, or with the same caller id. Who calls
from elsewhere at the same moment may be taken for such a leg; all that happens is that one hop too many is counted.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

HEADER, VARIABLE = "X-Voiceai-Hops", "VOICEAI_HOPS"
SENT_ON = f"__{VARIABLE}"
"""The variable as it is set: what is dialled from there inherits it."""
MOST = 99
JUST_ANSWERED = 5.0
"""Seconds for which a leg that was answered is compared, too: an exchange may answer first, and dial then."""
_MARK = re.compile(r"([0-9]{1,2})(;agent)?", re.ASCII)
_SIGNIFICANT = 6
"""Digits that two ways to write one number have in common at the end, at least."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a caller comes from. `hops`: how often voiceai has sent them on. `agent`: an agent of voiceai calls.
    `claimed`: the hops in their SIP header. Anybody can write that, so it counts for their own call only."""

    hops: int = 0
    agent: bool = False
    claimed: int = 0

    @property
    def most(self) -> int:
        """Hops, by whichever source says more."""
        return max(self.hops, self.claimed)

    def onward(self, *, agent: bool = False) -> "Origin":
        """The origin of a leg that is dialled for this one."""
        return Origin(min(self.hops + 1, MOST), agent, min(self.claimed + 1, MOST) if self.claimed else 0)


@dataclass(frozen=True, slots=True)
class RingingLeg:
    """Somebody whom we are calling. `origin` is what the leg carries."""

    number: str = field(repr=False)
    caller_id: str = field(repr=False)
    origin: Origin


def marks(origin: Origin, dial: str) -> dict[str, str]:
    """Channel variables for a leg that is dialled as `dial`, and carries `origin`."""
    text = f"{origin.most};agent" if origin.agent else str(origin.most)
    return {f"PJSIP_HEADER(add,{HEADER})" if dial.startswith("PJSIP/") else SENT_ON: text}


def where_marked(channel_name: str) -> str | None:
    """The variable that tells the mark of a caller's channel; None: it can't have one."""
    if channel_name.startswith("PJSIP/"):
        # By EVAL, since to read a header that is not there is an error. What it reads is not evaluated again.
        return f"EVAL(${{PJSIP_HEADER(read,{HEADER})}}|${{{VARIABLE}}})"
    return VARIABLE if channel_name.startswith("Local/") else None


def read(mark: str | None) -> Origin:
    """Of all that `where_marked` names. What is not one of ours is none, and takes nothing from the other."""
    header, _, variable = (mark or "").rpartition("|")
    claimed = _read(header)
    return merged(_read(variable), Origin(0, claimed.agent, claimed.hops))


def _read(mark: str) -> Origin:
    match = _MARK.fullmatch(mark.strip())
    return Origin(int(match[1]), match[2] is not None) if match else Origin()


def recognised(called: str, caller: str, ringing: Iterable[RingingLeg]) -> Origin:
    """What a caller is by comparison with the legs that ring."""
    legs = list(ringing)
    to = [each for each in legs if same_number(each.number, called)]
    by = [each for each in legs if same_number(each.caller_id, caller)]
    both = [each for each in to if each in by]
    hops = max((each.origin.hops for each in both or to or by), default=0)
    return Origin(hops, any(each.origin.agent for each in both or by))


def merged(one: Origin, other: Origin) -> Origin:
    return Origin(max(one.hops, other.hops), one.agent or other.agent, max(one.claimed, other.claimed))


def refusal(origin: Origin, longest: int) -> str | None:
    """Why a call with this origin does not begin; None: it does."""
    if origin.agent:
        return "The caller is an agent of voiceai: two agents would talk with each other."
    if origin.most > longest:
        return f"The call has been sent on by voiceai {origin.most} times, and goes in a circle (transfer.max_hops)."
    return None


def same_number(one: str, other: str) -> bool:
    """With or without country code and prefixes. A caller id's name and a SIP address's host do not matter."""
    mine, theirs = _digits(one), _digits(other)
    if not mine or not theirs:
        return False
    shorter, longer = sorted((mine, theirs), key=len)
    return longer == shorter or (len(shorter) >= _SIGNIFICANT and longer.endswith(shorter))


def _digits(text: str) -> str:
    """A name that holds none stands for itself."""
    number = text.rpartition("<")[2].rstrip(">").removeprefix("sips:").removeprefix("sip:").partition("@")[0]
    return re.sub("[^0-9]", "", number).lstrip("0") or number
