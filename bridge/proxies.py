"""The proxy by which a server in the internet is reached, as the environment names it (HTTPS_PROXY, …; not ALL_PROXY).

Owns the choice and what may be wrong with it. No proxy reaches this machine's loopback. Messages name no address of a
proxy: it may hold a password.

Source: websockets, "Proxies".
"""

from importlib.util import find_spec
from urllib.parse import urlsplit

from websockets.exceptions import InvalidProxy, InvalidURI
from websockets.proxy import get_proxy, parse_proxy
from websockets.uri import parse_uri

from bridge.trust import LOOPBACK

VARIABLES = "HTTPS_PROXY, WSS_PROXY or SOCKS_PROXY"


class BadProxy(Exception):
    """The environment names a proxy that can't be used. The message says why."""


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
