"""How calls and legs end. [pure]

Asterisk tells it by ChannelDestroyed's Q.850 cause and the SIP status behind it. The `Dial` event is no use here:
it says NOANSWER for a declined call and for a number that does not exist.
"""

from enum import StrEnum


class Outcome(StrEnum):
    ANSWERED = "answered"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    DECLINED = "declined"
    CONGESTION = "congestion"
    INVALID_NUMBER = "invalid_number"
    REDIRECTED = "redirected"
    """The network says to call somewhere else, which is not done."""
    INCOMPATIBLE = "incompatible"
    """No codec, encryption or SIP extension that both sides can."""
    TRUNK_FAULT = "trunk_fault"
    """The trunk can't do anything with our request: credentials, a loop, SIP that it does not understand."""
    MACHINE = "machine"
    CANCELLED = "cancelled"
    FAILED = "failed"
    NO_ROOM = "no_room"
    """A caller who waited in vain; of a leg: a limit of its trunk is reached, and it was not dialled."""


_BY_SIP = {
    300: Outcome.REDIRECTED,
    400: Outcome.TRUNK_FAULT,
    403: Outcome.DECLINED,
    404: Outcome.INVALID_NUMBER,
    406: Outcome.INCOMPATIBLE,
    408: Outcome.NO_ANSWER,
    410: Outcome.INVALID_NUMBER,
    414: Outcome.INVALID_NUMBER,
    415: Outcome.INCOMPATIBLE,
    416: Outcome.INVALID_NUMBER,
    420: Outcome.INCOMPATIBLE,
    421: Outcome.INCOMPATIBLE,
    422: Outcome.INCOMPATIBLE,
    423: Outcome.INCOMPATIBLE,
    430: Outcome.NO_ANSWER,
    433: Outcome.DECLINED,
    470: Outcome.DECLINED,
    480: Outcome.NO_ANSWER,
    484: Outcome.INVALID_NUMBER,
    485: Outcome.INVALID_NUMBER,
    486: Outcome.BUSY,
    487: Outcome.NO_ANSWER,  # we have cancelled nothing: somebody in the network has
    488: Outcome.INCOMPATIBLE,
    493: Outcome.INCOMPATIBLE,
    494: Outcome.INCOMPATIBLE,
    500: Outcome.CONGESTION,
    600: Outcome.BUSY,
    603: Outcome.DECLINED,
    604: Outcome.INVALID_NUMBER,
    606: Outcome.INCOMPATIBLE,
    607: Outcome.DECLINED,
    608: Outcome.DECLINED,
}
"""A status that is not here counts as the first of its hundred (RFC 3261, 8.1.3.2)."""

_BY_CAUSE = {  # Q.850
    1: Outcome.INVALID_NUMBER,  # unallocated
    2: Outcome.CONGESTION,  # no route to the transit network
    3: Outcome.INVALID_NUMBER,  # no route to destination
    17: Outcome.BUSY,
    18: Outcome.NO_ANSWER,  # no user responding
    19: Outcome.NO_ANSWER,  # alerting, no answer; also the end of our own ring timeout
    20: Outcome.NO_ANSWER,  # subscriber absent
    21: Outcome.DECLINED,
    22: Outcome.INVALID_NUMBER,  # number changed
    23: Outcome.REDIRECTED,
    25: Outcome.CONGESTION,  # exchange routing error
    27: Outcome.CONGESTION,  # destination out of order
    28: Outcome.INVALID_NUMBER,
    29: Outcome.TRUNK_FAULT,  # facility rejected
    **dict.fromkeys((34, 38, 41, 42, 43, 44, 46, 47), Outcome.CONGESTION),
    **dict.fromkeys((50, 52, 54, 55, 57), Outcome.TRUNK_FAULT),  # not subscribed, or barred
    **dict.fromkeys((58, 63, 65, 66, 69, 70, 79, 87, 88), Outcome.INCOMPATIBLE),
    **dict.fromkeys((81, 91, 95, 96, 97, 98, 99, 100, 101, 111, 127), Outcome.TRUNK_FAULT),
    102: Outcome.CONGESTION,  # recovery on timer expiry
}

_VAGUE = (400, 403, 480, 487)
"""Statuses of networks that say more in the cause (RFC 3326, `Reason: Q.850`); so does each 5xx."""
_CLEAR_CAUSES = (1, 17, 22, 28)
"""Asterisk never makes one of these of a vague status by itself: the network has said it."""


def of_unanswered(cause: int | None, sip_status: int | None) -> Outcome:
    """The outcome of a dialled leg that ended before it was answered."""
    if sip_status is None or not 300 <= sip_status < 700:
        return _BY_CAUSE.get(cause or 0, Outcome.FAILED)
    if cause in _CLEAR_CAUSES and (sip_status in _VAGUE or 500 <= sip_status < 600):
        return _BY_CAUSE[cause]
    return _BY_SIP.get(sip_status) or _BY_SIP[sip_status // 100 * 100]


def of_failed(gone: bool, full: bool) -> Outcome:
    """Of a leg that could not be dialled or joined: it had gone, there is no room on its trunk, or neither."""
    if full:
        return Outcome.NO_ROOM
    return Outcome.CANCELLED if gone else Outcome.FAILED


PER_CALL = "spend_per_call"


PER_DAY = "spend_per_day"
