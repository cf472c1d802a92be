"""The proxy by which a server in the internet is reached, as the environment names it (HTTPS_PROXY, …; not ALL_PROXY).

Owns the choice, what may be wrong with it, and the words for a proxy that does not let us through. No proxy reaches
this machine's loopback. Proxies are shown without user name and password.

Source: websockets, "Proxies".
"""

import os
import socket
import ssl
from importlib.util import find_spec
from urllib.parse import urlsplit

from websockets.exceptions import InvalidProxy, InvalidProxyMessage, InvalidProxyStatus, InvalidURI, ProxyError
from websockets.proxy import get_proxy, parse_proxy
from websockets.uri import parse_uri

from bridge.trust import LOOPBACK

VARIABLES = "HTTPS_PROXY, WSS_PROXY or SOCKS_PROXY"
_REFUSALS = (401, 403, 407)


class BadProxy(Exception):
    """The environment names a proxy that can't be used. The message says why."""


class ProxyFault(Exception):
    """The proxy did not take us to the server. `lasting`: it will not, as long as nothing is set in another way."""

    def __init__(self, words: str, *, lasting: bool = False) -> None:
        super().__init__(words)
        self.lasting = lasting


def proxy_for(url: str) -> str | None:
    """For a websocket's URL. None: it is reached without. Raises BadProxy."""
    if urlsplit(url).hostname in LOOPBACK:
        return None
    try:
        proxy = get_proxy(parse_uri(url))
        scheme = parse_proxy(proxy).scheme if proxy is not None else ""
    except InvalidURI:
        return None  # told by whoever connects
    except InvalidProxy as error:
        raise BadProxy(f"the proxy of the environment ({VARIABLES}) is no proxy's URL: {error.msg}") from error
    except ValueError:  # also UnicodeError: a port or a host that is none
        raise BadProxy(f"the proxy of the environment ({VARIABLES}) is no proxy's URL") from None
    if scheme.startswith("socks") and find_spec("python_socks") is None:
        raise BadProxy(
            f"the environment ({VARIABLES}) names a SOCKS proxy, for which the package python-socks is missing"
        )
    return proxy


def shown(proxy: str) -> str:
    """With the variable that names it, and without user name and password. `proxy`: as `proxy_for` gives it."""
    parts = parse_proxy(proxy)
    host = f"[{parts.host}]" if ":" in parts.host else parts.host
    address = proxy.partition("://")[2]
    names = [name for name, value in sorted(os.environ.items()) if value.partition("://")[2] == address]
    named = [name for name in names if name.lower().endswith("_proxy")]
    return f"{parts.scheme}://{host}:{parts.port}" + (f" ({named[-1]})" if named else "")


class Way:
    """How one connection reaches its server: by which proxy, and whether that has let it through."""

    def __init__(self, proxy: str | None = None) -> None:
        self.proxy = proxy
        self.through = False

    def __str__(self) -> str:
        return f" by the proxy {shown(self.proxy)}" if self.proxy is not None else ""

    def fault(self, error: Exception) -> ProxyFault | None:
        """`error`: websockets', or the system's. None: it is not the proxy that is at fault."""
        if self.proxy is None or self.through:
            return None
        words = f"the proxy {shown(self.proxy)} {_words(error, parse_proxy(self.proxy).username is not None)}"
        status = error.response.status_code if isinstance(error, InvalidProxyStatus) else None
        return ProxyFault(words, lasting=status in _REFUSALS or "authentication" in words)


def _words(error: Exception, named: bool) -> str:
    """What the proxy did. `named`: with user name and password."""
    match error:
        case InvalidProxyStatus():
            return _status(error.response.status_code, named)
        case InvalidProxyMessage():
            return "does not answer like an HTTP proxy"
        case ProxyError():
            return f"does not let us through: {error.__cause__ or error}".lower()
        case TimeoutError():
            return "did not answer in time"
        case ssl.SSLCertVerificationError():
            return f"has a certificate that is not trusted: {error.verify_message}"
        case ssl.SSLError():
            return f"speaks no TLS: {(error.reason or 'no reason given').lower().replace('_', ' ')}"
        case socket.gaierror():
            return "can't be asked: no address is known here for it or, with socks5:// and socks4://, for the server"
        case OSError(errno=int(number)):
            return f"can't be reached: {os.strerror(number).lower()}"
    return "broke the connection"


def _status(status: int, named: bool) -> str:
    if status == 407:
        told = "does not accept the user name and the password" if named else "wants a user name and a password"
        return f"{told} (407)"
    if status in _REFUSALS:
        return f"does not let us through to the server ({status})"
    return f"does not reach the server (it answered {status})"
