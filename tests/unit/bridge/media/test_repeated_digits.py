"""bridge.media.repeated_digits: a key that Asterisk reports twice since its leg joined its bridge again is one key."""

from bridge.media.repeated_digits import Keys


def pressed(story: str) -> str:
    """What is taken of it. `r`: the leg joins anew, `.`: sound of the caller; the rest are keys as they are told."""
    keys, taken = Keys(), ""
    for each in story:
        if each == "r":
            keys.rejoined()
        elif each == ".":
            keys.sound()
        elif not keys.again(each):
            taken += each
    return taken


def test_what_is_told_twice_around_a_rejoining_counts_once() -> None:
    assert pressed(".r55.") == "5"
    assert pressed(".5r5.") == "5", "the key may be faster than the order"
    assert pressed(".r5rr5.") == "5"


def test_what_is_pressed_twice_counts_twice() -> None:
    assert pressed(".55.") == "55", "a telephone that sends nothing in pauses"
    assert pressed(".r.5.5.") == "55"
    assert pressed(".r5.5") == "55"
    assert pressed(".r555.") == "55"
    assert pressed(".r5659") == "5659"
