"""Every error by which call control refuses something. [pure]"""


class CallRefused(Exception):
    """The request is refused. The text is for the person who asked, and holds nothing personal."""


class UnknownCall(CallRefused):
    """No call of this id is up."""


class UnknownSoftphone(CallRefused):
    """No session of a browser that telephones has this id."""


class UnknownName(CallRefused):
    """A trunk or an agent that the config does not have."""


class WrongWebhook(CallRefused):
    """A call may not have this `webhook`."""


class WrongState(CallRefused):
    """The call can't do that now."""


class NoAiSession(CallRefused):
    """The AI provider gave no session."""


class UnknownTextSession(CallRefused):
    """No text session of this id is open, or was lately."""


class WrongMoment(CallRefused):
    """A call that could never be placed at the times that were given."""


class UnknownParticipant(CallRefused):
    """The call has no such leg."""


class NotReady(CallRefused):
    """Asterisk or all workers are away: no call can be placed at the moment."""


class Busy(Exception):
    """As many calls as allowed are up already. `reason` is for the person who asked; `kind`: which sort of limit, in
    one word."""

    kind = "limit"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TooMany(Busy):
    """A limit on calls at once."""

    kind = "concurrency_limit"


class TooFast(Busy):
    """A limit on calls in a second, a minute or an hour."""

    kind = "rate_limit"


class SpentUp(Busy):
    """As much money as allowed was spent today."""

    kind = "spend_limit"


class CallerBusy(Busy):
    """This caller has as many calls as one may have, or calls too often."""


class NoAgent(Busy):
    """No bridge worker has room for one more call: there is no AI, whatever the limits say."""

    kind = "no_worker"


class UsedUp(Busy):
    """As much as allowed was used today: there is no room before tomorrow."""

    kind = "minutes_limit"


class UnknownAgent(Exception):
    """The config has no agent of this name."""
