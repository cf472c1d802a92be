"""How a call that was dialled ended, in words that ops use. [pure]

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
    MACHINE = "machine"
    CANCELLED = "cancelled"
    FAILED = "failed"
    NO_ROOM = "no_room"
    """A caller who waited in vain; of a leg: a limit of its trunk is reached, and it was not dialled."""


_BY_SIP = {
    404: Outcome.INVALID_NUMBER,
    408: Outcome.NO_ANSWER,
    410: Outcome.INVALID_NUMBER,
    480: Outcome.NO_ANSWER,
    484: Outcome.INVALID_NUMBER,
    486: Outcome.BUSY,
    487: Outcome.CANCELLED,
    600: Outcome.BUSY,
    603: Outcome.DECLINED,
    604: Outcome.INVALID_NUMBER,
    607: Outcome.DECLINED,
    608: Outcome.DECLINED,
}

_BY_CAUSE = {  # Q.850
    1: Outcome.INVALID_NUMBER,  # unallocated
    3: Outcome.INVALID_NUMBER,  # no route to destination
    17: Outcome.BUSY,
    18: Outcome.NO_ANSWER,  # no user responding
    19: Outcome.NO_ANSWER,  # alerting, no answer; also the end of our own ring timeout
    20: Outcome.NO_ANSWER,  # subscriber absent
    21: Outcome.DECLINED,
    22: Outcome.INVALID_NUMBER,  # number changed
    27: Outcome.CONGESTION,  # destination out of order
    28: Outcome.INVALID_NUMBER,
    34: Outcome.CONGESTION,
    38: Outcome.CONGESTION,
    41: Outcome.CONGESTION,
    42: Outcome.CONGESTION,
    44: Outcome.CONGESTION,
}


def of_unanswered(cause: int | None, sip_status: int | None) -> Outcome:
    """The outcome of a dialled leg that ended before it was answered."""
    if sip_status is not None:
        if sip_status in _BY_SIP:
            return _BY_SIP[sip_status]
        if 500 <= sip_status < 600:
            return Outcome.CONGESTION
    return _BY_CAUSE.get(cause or 0, Outcome.FAILED)


def of_failed(gone: bool, full: bool) -> Outcome:
    """Of a leg that could not be dialled or joined: it had gone, there is no room on its trunk, or neither."""
    if full:
        return Outcome.NO_ROOM
    return Outcome.CANCELLED if gone else Outcome.FAILED
