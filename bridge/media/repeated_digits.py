"""Keys of the caller's telephone that come twice though they were pressed once. [pure]

While a key lasts, Asterisk passes on no sound of its caller. One that was sent by SIP INFO comes with sound all the
same (RTP goes on), so the controller takes it for sound that Asterisk drops and has the leg join its bridge anew. Then
Asterisk tells the key at once, and again when it ends.
"""


class Keys:
    """Of one call. `rejoined`: the leg joins anew, now. `sound`: something of the caller was heard again."""

    def __init__(self) -> None:
        self._rejoined = False
        self._told: str | None = None

    def rejoined(self) -> None:
        self._rejoined = True

    def sound(self) -> None:
        self._rejoined, self._told = False, None

    def again(self, digit: str) -> bool:
        """This is the end of a key that was told already."""
        if self._rejoined and digit == self._told:
            self._told = None
            return True
        self._told = digit
        return False
