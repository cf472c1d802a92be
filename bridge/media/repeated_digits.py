"""Recognises DTMF digits that Asterisk reports twice though they were pressed once. [pure]

While a key is down, Asterisk passes on no audio of the caller. If the key is sent by SIP INFO, RTP goes on, so the
controller takes it for audio that Asterisk drops, and lets the leg join its bridge again. Asterisk then reports the key
at once, and again when it ends.
"""


class Keys:
    """Of one call. `rejoined`: the leg joins its bridge again, now. `sound`: audio of the caller came again."""

    def __init__(self) -> None:
        self._rejoined = False
        self._told: str | None = None

    def rejoined(self) -> None:
        self._rejoined = True

    def sound(self) -> None:
        self._rejoined, self._told = False, None

    def again(self, digit: str) -> bool:
        """Whether this is the end of a key that was reported already."""
        if self._rejoined and digit == self._told:
            self._told = None
            return True
        self._told = digit
        return False
