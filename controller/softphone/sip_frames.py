"""Which SIP messages of a browser are passed on to Asterisk. [pure]

Asterisk knows an endpoint by the user in From, and takes a message whose user it does not know for one of whoever is
identified by address: for a trunk, if the controller's own address is among the trunk's. So only what says that it
comes from the session's own user passes, in a form in which Asterisk can't read anything else; and a BYE within a
dialog, which has another user if the browser was rung (it is answered 481 where there is no such dialog).
"""

import re

LARGEST = 16384
"""Bytes of a message; an offer of a browser has about 3,000."""

METHODS = frozenset(("REGISTER", "INVITE", "ACK", "CANCEL", "BYE", "PRACK", "UPDATE", "INFO", "OPTIONS"))
_REQUEST = re.compile(r"([A-Z]{1,16}) sips?:[^ ]+ SIP/2\.0")
_RESPONSE = re.compile(r"SIP/2\.0 [1-6][0-9]{2} .*")
_HEADER = re.compile(r"([A-Za-z0-9-]+)[ \t]*:[ \t]*(.*)")
_TAG = re.compile(r">[^<>]*;[ \t]*tag=[^;<> ]+")
_FROM = re.compile(r'(?:"[^"\\]*"[ \t]*)?<sips?:([^@;<>?&\s]+)@[^<>\s]+>.*')


def passes(message: str, user: str) -> bool:
    """Whether a message of the browser whose SIP user is `user` may be passed on."""
    if not message.strip("\r\n"):
        return True  # a keep-alive (RFC 5626)
    head, mark, body = message.partition("\r\n\r\n")
    lines = head.split("\r\n")
    if not mark or len(message.encode()) > LARGEST or any(sign in line for line in lines for sign in "\r\n\0"):
        return False
    headers: dict[str, list[str]] = {}
    for line in lines[1:]:
        match = _HEADER.fullmatch(line)
        if match is None:  # a folded header too: no browser's library sends one
            return False
        headers.setdefault(match[1].lower(), []).append(match[2].strip())
    lengths = headers.get("content-length", []) + headers.get("l", [])
    if lengths != [str(len(body.encode()))]:  # what is longer is read as another message
        return False
    if _RESPONSE.fullmatch(lines[0]):
        return True
    request, sender = _REQUEST.fullmatch(lines[0]), headers.get("from", []) + headers.get("f", [])
    receiver = headers.get("to", []) + headers.get("t", [])
    if request is None or request[1] not in METHODS or len(sender) != 1 or len(receiver) != 1:
        return False
    if request[1] == "BYE" and _TAG.search(receiver[0]):
        return True
    found = _FROM.fullmatch(sender[0])
    return found is not None and found[1] == user
