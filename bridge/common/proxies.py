"""The proxy for a connection to the internet, as the environment names it (HTTPS_PROXY, ALL_PROXY, …).

Owns the choice, the check of the proxy's URL, and the message for a proxy that refuses or fails. The loopback addresses
are always reached without a proxy. No message shows a proxy's user name or password.

Sources: websockets, "Proxies"; RFC 1928 and 1929 (SOCKS 5); SOCKS 4 and 4A have no RFC.
"""

import os
import re
import socket
import ssl
import urllib.request
from collections.abc import Mapping
from urllib.parse import urlsplit

from python_socks import ProxyConnectionError
from websockets.exceptions import InvalidProxy, InvalidProxyMessage, InvalidProxyStatus, InvalidURI, ProxyError
from websockets.proxy import Proxy, parse_proxy
from websockets.uri import parse_uri

from bridge.common.tls import LOOPBACK

_IN_ORDER: Mapping[str, tuple[str, ...]] = {
    "wss": ("wss", "socks", "https", "all"),
    "ws": ("ws", "socks", "https", "http", "all"),
    "https": ("socks", "https", "all"),
    "http": ("socks", "http", "all"),
}
"""The variables that are read, by the scheme of the URL: for websockets those of the library, and `all`."""
_PORT = 1080
"""IANA: socks."""
_REFUSALS = (401, 403, 407)
_BYTES = 255
"""RFC 1929: the most bytes of a user name, and of a password."""

WANTS_PASSWORD = "wants a user name and a password"
WRONG_PASSWORD = "does not accept the user name and the password"
OTHER_LOGIN = "accepts no user name and password, and wants to know us in another way"
NOT_LET_THROUGH = "does not let us through to the server"
NO_SOCKS = "does not answer like a SOCKS proxy"
NO_ADDRESS = (
    "can't be asked: the server's name has no address here (with socks5h:// and socks4a:// the proxy looks it up)"
)
NOT_THERE = "can't be asked: no address is known here for it"
BROKEN = "broke the connection"
CLOSED = "closed the connection before it had answered"
_LASTING = (WANTS_PASSWORD, WRONG_PASSWORD, OTHER_LOGIN, NOT_LET_THROUGH, NO_ADDRESS)
_REPLIES: Mapping[int, str] = {
    1: "general failure",
    3: "network unreachable",
    4: "host unreachable",
    5: "connection refused",
    6: "TTL expired",
    7: "command not supported",
    8: "address type not supported",
    91: "rejected or failed",
    92: "rejected, for no identd of ours answers it",
    93: "rejected, for the identd here tells another user",
}
"""RFC 1928 §6, and SOCKS 4. Of other codes the message has the number."""


class BadProxy(Exception):
    """The environment names a proxy that can't be used. The message says why."""


class ProxyFault(Exception):
    """There is no connection to the server because of the proxy. `lasting`: it will fail again until a setting is
    changed. `server`: the proxy works, and can't reach the server."""

    def __init__(self, words: str, *, lasting: bool = False, server: bool = False) -> None:
        super().__init__(words)
        self.lasting = lasting
        self.server = server


def proxy_for(url: str) -> str | None:
    """The URL of the proxy for a websocket or HTTP URL; None: no proxy. Raises BadProxy."""
    variable, proxy = _named(url)
    if proxy is None:
        return None
    named = f"the proxy of the environment ({variable})"
    try:
        parts = parse_proxy(proxy)
    except InvalidProxy as error:  # which has the password in it
        raise BadProxy(f"{named} is no proxy's URL: {error.msg}") from None
    except ValueError:  # also UnicodeError: a port or a host that is none
        raise BadProxy(f"{named} is no proxy's URL") from None
    if is_socks(proxy) and not all(each.isascii() and len(each) <= _BYTES for each in parts.user_info or ()):
        raise BadProxy(f"{named}: user name and password may have {_BYTES} letters each, of ASCII only")
    return proxy


def socks_for(url: str) -> str | None:
    """As `proxy_for`, but only SOCKS proxies; None for all others, without a check."""
    _, proxy = _named(url)
    return proxy_for(url) if proxy is not None and is_socks(proxy) else None


def _named(url: str) -> tuple[str, str | None]:
    """The variable, and the proxy that it names; None: no proxy."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme in ("wss", "https") else 80)
        if parts.scheme in ("ws", "wss"):
            parse_uri(url)
    except (InvalidURI, ValueError):
        return "", None  # the connecting code raises for it
    if host in LOOPBACK or urllib.request.proxy_bypass(f"{host}:{port}"):
        return "", None
    named = urllib.request.getproxies()
    name = next((each for each in _IN_ORDER.get(parts.scheme, ()) if each in named), None)
    if name is None:
        return "", None
    proxy = named[name]
    if name == "socks" and proxy.startswith("http://"):
        proxy = "socks5h://" + proxy.removeprefix("http://")
    return f"{name.upper()}_PROXY", _complete(proxy)


def _complete(proxy: str) -> str:
    """Adds the usual port to a SOCKS proxy, and an empty password to the user of SOCKS 4."""
    try:
        parts = urlsplit(proxy)
        if not is_socks(proxy) or not parts.hostname:
            return proxy
        user, at, address = parts.netloc.rpartition("@")
        if at and ":" not in user and parts.scheme.startswith("socks4"):
            user += ":"
        if parts.port is None:
            address = f"{address.removesuffix(':')}:{_PORT}"
    except ValueError:  # the parser raises for it
        return proxy
    return parts._replace(netloc=f"{user}{at}{address}").geturl()


def is_socks(proxy: str) -> bool:
    return proxy[:5].lower() == "socks"


def looks_names_up(proxy: str) -> bool:
    """Whether a SOCKS proxy resolves the server's name. The other ones get an address that was resolved here."""
    return urlsplit(proxy).scheme in ("socks5h", "socks4a")


def shown(proxy: str) -> str:
    """For messages: with the name of the variable, without user name and password. `proxy`: as of `proxy_for`."""
    parts = parse_proxy(proxy)
    host = f"[{parts.host}]" if ":" in parts.host else parts.host
    address = proxy.partition("://")[2]
    same = (address, address.removesuffix(f":{_PORT}"))
    names = [name for name, value in sorted(os.environ.items()) if _complete(value).partition("://")[2] in same]
    named = [name for name in names if name.lower().endswith("_proxy")]
    return f"{parts.scheme}://{host}:{parts.port}" + (f" ({named[-1]})" if named else "")


def replied(proxy: str, code: int) -> ProxyFault:
    """The fault for a SOCKS proxy's answer with this code, which is not the code of success."""
    answer = "it answered: " + _REPLIES[code] if code in _REPLIES else f"it answered with code {code}"
    lasting = code == 2 and urlsplit(proxy).scheme.startswith("socks5")
    words = f"{NOT_LET_THROUGH} (forbidden by its rules)" if lasting else f"does not reach the server ({answer})"
    return ProxyFault(f"the proxy {shown(proxy)} {words}", lasting=lasting, server=not lasting)


def faulty(proxy: str, words: str) -> ProxyFault:
    """`words`: what the proxy does, after "the proxy …"."""
    return ProxyFault(f"the proxy {shown(proxy)} {words}", lasting=words.startswith(_LASTING))


class Way:
    """The way of one connection to its server. `proxy` None: no proxy. `through`: the proxy has connected us."""

    def __init__(self, proxy: str | None = None) -> None:
        self.proxy = proxy
        self.through = False

    def __str__(self) -> str:
        return f" by the proxy {shown(self.proxy)}" if self.proxy is not None else ""

    def fault(self, error: Exception) -> ProxyFault | None:
        """`error`: of websockets, python-socks or the system. None: the proxy is not the cause."""
        if self.proxy is None or self.through:
            return None
        code = getattr(error.__cause__, "error_code", None) if isinstance(error, ProxyError) else None
        if code is not None:
            return replied(self.proxy, int(code))
        return faulty(self.proxy, _words(error, parse_proxy(self.proxy)))


def _words(error: Exception, proxy: Proxy) -> str:
    """What the proxy did, for `faulty`."""
    match error:
        case InvalidProxyStatus():
            return _status(error.response.status_code, proxy)
        case InvalidProxyMessage():
            return "does not answer like an HTTP proxy"
        case ProxyError():
            return _unfit(str(error.__cause__ or ""), proxy)
        case TimeoutError():
            return "did not answer in time"
        case ssl.SSLCertVerificationError():
            return f"has a certificate that is not trusted: {error.verify_message}"
        case ssl.SSLError():
            return f"speaks no TLS: {(error.reason or 'no reason given').lower().replace('_', ' ')}"
        case socket.gaierror() if proxy.scheme.startswith("socks"):
            return NO_ADDRESS
        case socket.gaierror() | ProxyConnectionError(__cause__=socket.gaierror()):
            return NOT_THERE
        case OSError(errno=int(number)) if proxy.scheme.startswith("http") or isinstance(error, ProxyConnectionError):
            return f"can't be reached: {os.strerror(number).lower()}"
    return BROKEN


def _unfit(message: str, proxy: Proxy) -> str:
    """For an answer without a code. `message`: of python-socks."""
    message = message.lower()
    if "authentication failure" in message:
        return WRONG_PASSWORD
    if "authentication method" in message:
        return OTHER_LOGIN if proxy.password else WANTS_PASSWORD
    if "closed" in message:
        return CLOSED
    if code := re.fullmatch(r"invalid reply code: 0x([0-9a-f]+)", message):
        return f"does not reach the server (it answered with code {int(code[1], 16)})"
    return NO_SOCKS


def _status(status: int, proxy: Proxy) -> str:
    if status == 407:
        return f"{WANTS_PASSWORD if proxy.username is None else WRONG_PASSWORD} (407)"
    if status in _REFUSALS:
        return f"{NOT_LET_THROUGH} ({status})"
    return f"does not reach the server (it answered {status})"
