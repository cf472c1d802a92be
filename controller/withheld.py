"""Who withholds their number: known by what stands in its place, and by what the carrier says of it. [pure]

Owns that decision. A withheld number is no number: nothing of it gets beyond the door (`call/arrival_facts`).

Sources: RFC 3323 and RFC 3325 (Privacy, anonymous.invalid), draft-ietf-sip-privacy (Remote-Party-ID), E.161
(letters on keys: +266696687 is ANONYMOUS).
"""

import re

PRESENTATION = "CALLERID(num-pres)"
PRIVACY_HEADER = "EVAL(${CALLERID(num-pres)};${PJSIP_HEADER(read,Privacy)})"
"""Both in one request. By EVAL, since to read a header that is not there is an error."""
REMOTE_PARTY = "EVAL(${PJSIP_HEADER(read,Remote-Party-ID)})"
FROM = "EVAL(${CHANNEL(pjsip,remote_uri)})"

_HIDING = frozenset(("id", "user", "header"))
_REMOTE_PRIVACY = re.compile(r";\s*privacy\s*=\s*\"?(full|name|uri)\b", re.IGNORECASE)
_NOWHERE = re.compile(r"@[^@>;?]*\.invalid\b", re.IGNORECASE)
_GAPS = re.compile(r"[\s().+_/-]")
_WORDS = frozenset(
    (
        *(
            "",
            "anonymous",
            "unknown",
            "unavailable",
            "restricted",
            "private",
            "withheld",
            "blocked",
            "asterisk",
            "none",
        ),
        *("anonym", "anonyme", "anonimo", "privat", "null", "nobody", "notavailable", "outofarea", "unbekannt"),
        *("privatenumber", "withheldnumber", "unknownnumber", "unknowncaller", "nonumber", "blockednumber"),
        *("anonymouscaller", "idunavailable", "numberunavailable", "hidden", "hiddennumber", "noid", "nocallerid"),
    )
)
_ON_KEYS = frozenset(("266696687", "86282452253"))
"""ANONYMOUS and UNAVAILABLE: no numbers that there are."""
_ON_KEYS_BEHIND_PLUS = frozenset(("7378742833", "8656696", "2562533", "7748283"))
"""RESTRICTED, UNKNOWN, BLOCKED, PRIVATE: without a plus, numbers in some towns."""


def stands_for_none(text: str) -> bool:
    """What a caller's number says is that there is none: a word, or nothing that could be dialled."""
    compact = _GAPS.sub("", text).lower()
    if compact in _WORDS or not any(sign.isalnum() or sign in "*#" for sign in compact):
        return True
    digits = re.sub("^00", "", compact)
    return digits in _ON_KEYS or (text.startswith(("+", "00")) and digits in _ON_KEYS_BEHIND_PLUS)


def asked_for(presentation: str, privacy: str = "", remote_party: str = "", sender: str = "") -> bool:
    """By Asterisk's word for how the number may be presented, and by the headers."""
    wanted = {each.strip().lower() for each in re.split("[;,]", privacy)}
    return (
        presentation.strip().lower().startswith(("prohib", "unavailable"))
        or bool(wanted & _HIDING)
        or _REMOTE_PRIVACY.search(remote_party) is not None
        or _NOWHERE.search(sender) is not None
    )
