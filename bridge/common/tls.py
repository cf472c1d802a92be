"""Which certificates are believed: the system's, or those of one file. [pure but for reading the file]

Owns the TLS contexts of the two sides of the control link and of the way to Asterisk.
"""

import ipaddress
import ssl
from urllib.parse import urlsplit

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def towards(url: str, ca_file: str | None) -> ssl.SSLContext | None:
    """None: `url` is not encrypted. `ca_file`: PEM, of authorities or of the server itself; None: the system's.

    On this machine a server that shows a certificate of that file is the one that is meant, whatever names it has.
    Raises OSError and ssl.SSLError where the file is none.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("https", "wss"):
        return None
    context = ssl.create_default_context(cafile=ca_file)
    if ca_file is not None:
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.check_hostname = parts.hostname not in LOOPBACK
    return context


def in_clear(url: str) -> bool:
    """It leads to another machine, and what is sent there (tokens, keys, what is said) can be read on the way."""
    parts = urlsplit(url)
    return parts.scheme not in ("https", "wss") and not on_this_machine(parts.hostname or "")


def on_this_machine(host: str) -> bool:
    """A name such as 127.0.0.1.example.com is anybody's: only whole addresses count, and `localhost`."""
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return host.lower() in LOOPBACK
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def of_ours(certificate: str, key: str) -> ssl.SSLContext:
    """For those who come to us. `certificate`: PEM, with what leads to its authority. Raises OSError, ssl.SSLError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    return context
