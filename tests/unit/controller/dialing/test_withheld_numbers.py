"""controller.withheld: words that stand in the place of a number, as networks and exchanges write them."""

import pytest

from controller.dialing.withheld_numbers import is_anonymous_name, means_withheld


@pytest.mark.parametrize(
    "text",
    [
        *("", "-", "+", "/", "0", "0000000000", "+0", "O", "P", "n/a", "N/A", "(null)", "None", "nil", "undefined"),
        *("Anonymous", "anonymous@anonymous.invalid", "anonymous1", "_anonymous", "anonymouscaller", "\uff21nonymous"),
        *("Restricted", "restricted-number", "PRIVATE CALLER", "Private Number", "privatenumber", "withheld number"),
        *("num-withheld", "Caller ID withheld", "No Caller ID", "nonumber", "Unknown Caller", "unknown unknown"),
        *("UNAVAILABLE-1", "id_unavailable", "numberunavailable", "CallerID not available", "Out of area"),
        *("Nummer unterdr\u00fcckt", "Rufnummer unterdrueckt", "Unbekannt", "num\u00e9ro masqu\u00e9", "inconnu"),
        *(
            "n\u00famero oculto",
            "Desconocido",
            "sconosciuto",
            "gizli numara",
            "B\u0130L\u0130NMEYEN NUMARA",
            "\u00d6zel",
        ),
        *("266696687", "+266696687", "00266696687", "+1266696687", "+7378742833", "+8656696"),
    ],
)
def test_no_number(text: str) -> None:
    assert means_withheld(text)


@pytest.mark.parametrize(
    "text",
    [
        *("5001", "8656696", "+442079460000", "100", "0100", "*98", "#5", "sales", "alice", "o2", "p1", "line1"),
        *("private-bank", "privatebank", "unknownworlds", "caller", "call-center", "number1", "name", "nathan"),
    ],
)
def test_a_number_or_a_name(text: str) -> None:
    assert not means_withheld(text)


def test_a_display_name_that_asks_for_privacy() -> None:
    assert is_anonymous_name("Anonymous")
    assert is_anonymous_name("ANONYME")
    assert not any(map(is_anonymous_name, ("", "Ann", "Anonymous Cleaning Ltd", "Unknown", "Unavailable", "Private")))
