"""Whether a caller withholds the number: by the text in its place, and by the carrier's headers. [pure]

Owns that decision. `calls/runtime/arrival_facts` drops a withheld number, so that it is used nowhere.

Sources: RFC 3323 and RFC 3325 (Privacy, anonymous.invalid), draft-ietf-sip-privacy (Remote-Party-ID), E.161
(letters on keys: +266696687 is ANONYMOUS).
"""

import re
import unicodedata

CALLER_ID = "CALLERID(all)"
PRESENTATION = "CALLERID(num-pres)"
PRIVACY_HEADER = "EVAL(${CALLERID(num-pres)};${PJSIP_HEADER(read,Privacy)};${PJSIP_HEADER(read,Privacy,2)})"
"""Presentation and Privacy in one request. EVAL, because reading a missing header is an error."""
REMOTE_PARTY = "EVAL(${PJSIP_HEADER(read,Remote-Party-ID)})"
FROM = "EVAL(${CHANNEL(pjsip,remote_uri)})"

IN_ONE = (
    "${CALLERID(num-pres)}",
    "${PJSIP_HEADER(read,Privacy)};${PJSIP_HEADER(read,Privacy,2)}",
    "${PJSIP_HEADER(read,Remote-Party-ID)}",
    "${CHANNEL(pjsip,remote_uri)}",
)
"""All of these, as arguments of `privacy_requested`, by `Ari.evaluate`."""

_HIDING = frozenset(("id", "user", "header"))
_REMOTE_PRIVACY = re.compile(r";\s*privacy\s*=\s*\"?(full|name|uri)\b", re.IGNORECASE)
_NOWHERE = re.compile(r"@[^@>;?]*\.invalid\b", re.IGNORECASE)
_GAPS = re.compile(r"[\s().+_/-]+")
_WORDS = frozenset(
    re.findall(
        r"[a-z]+",
        """
    anonymous anonymus anonym anonyme anonimo anonima unknown unavailable restricted private withheld blocked hidden
    undisclosed suppressed undefined unidentified none null nil nobody asterisk o p na noid nocid nocallerid nonumber
    outofarea
    unbekannt unterdruckt unterdrueckt privat prive privee inconnu inconnue masque masquee indisponible
    oculto oculta privado privada desconocido desconocida desconhecido desconhecida restringido restrito
    sconosciuto sconosciuta nascosto riservato privato privata verborgen onbekend geheim afgeschermd skjult ukjent
    ukendt hemligt dolt okand salainen tuntematon zastrzezony nieznany skryte nezname rejtett ismeretlen gizli
    bilinmeyen bilinmiyor ozel notavailable
    """,
    )
)
"""Without accents. `o` and `p` are Caller ID's codes for "out of area" and "private"."""
_FILLERS = frozenset(
    re.findall(
        r"[a-z]+",
        """
    number num no nr n caller callerid call id cid user name not line nummer rufnummer numero numara numara arayan
    appel appelant chiamante nombre numer cislo szam
    """,
    )
)
"""Words that may stand next to one of those."""
_AVAILABLE = re.compile(r"(?:id|number|callerid|no|un)*(?:not|un)available")
_NAMES = frozenset(("anonymous", "anonym", "anonyme", "anonimo"))
_ON_KEYS = frozenset(("266696687", "1266696687", "86282452253"))
"""ANONYMOUS and UNAVAILABLE: these numbers do not exist."""
_ON_KEYS_AFTER_PLUS = frozenset(("7378742833", "8656696", "2562533", "7748283"))
"""RESTRICTED, UNKNOWN, BLOCKED, PRIVATE: without a plus they are numbers of some towns."""


def means_withheld(text: str) -> bool:
    """Whether `text`, sent as a caller's number, is none: a word, or nothing that could be dialled."""
    user = text.partition("@")[0]
    words = [each for each in _GAPS.split(_bare(user)) if each]
    compact = "".join(words)
    if not compact.strip("0") or not any(sign.isalnum() or sign in "*#" for sign in compact):
        return True
    if _is_word(compact) or (any(map(_is_word, words)) and all(each in _FILLERS or _is_word(each) for each in words)):
        return True
    digits = re.sub("^00", "", compact)
    return digits in _ON_KEYS or (user.startswith(("+", "00")) and digits in _ON_KEYS_AFTER_PLUS)


def is_anonymous_name(name: str) -> bool:
    """Whether a display name asks for privacy (RFC 3323, section 4.1), whatever number comes with it."""
    return _bare(name).strip() in _NAMES


def _is_word(compact: str) -> bool:
    """Whether it is one of `_WORDS`, also with digits or `number`, `caller`, `callerid` after it."""
    bare = compact.rstrip("0123456789") or compact
    if bare in _WORDS or _AVAILABLE.fullmatch(bare):
        return bare == compact or len(bare) > 3
    return any(bare.removesuffix(each) in _WORDS for each in ("number", "caller", "callerid") if bare.endswith(each))


def _bare(text: str) -> str:
    """In lower case without accents."""
    letters = unicodedata.normalize("NFKD", text.lower())
    return "".join(sign for sign in letters if not unicodedata.combining(sign)).replace("\u0131", "i")


def privacy_requested(presentation: str, privacy: str = "", remote_party: str = "", sender: str = "") -> bool:
    """Whether the number must not be shown: by CALLERID(num-pres), Privacy, Remote-Party-ID and From."""
    privacy_values = {each.strip().lower() for each in re.split("[;,]", privacy)}
    return (
        presentation.strip().lower().startswith(("prohib", "unavailable"))
        or bool(privacy_values & _HIDING)
        or _REMOTE_PRIVACY.search(remote_party) is not None
        or _NOWHERE.search(sender) is not None
    )
