"""TLS contexts: for our servers, and for connections to the controller and to Asterisk. Reads certificate files."""

import ipaddress
import ssl
from urllib.parse import urlsplit

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def client_context(url: str, ca_file: str | None) -> ssl.SSLContext | None:
    """The context of a client; None: `url` is not encrypted. `ca_file`: PEM, with certificates of authorities or of the
    server itself; None: the system's authorities.

    With a `ca_file` the host name is not checked on the loopback addresses. Raises OSError and ssl.SSLError if the file
    can't be used.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("https", "wss"):
        return None
    context = ssl.create_default_context(cafile=ca_file)
    if ca_file is not None:
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.check_hostname = parts.hostname not in LOOPBACK
    return context


def is_readable_on_the_way(url: str) -> bool:
    """Whether tokens, keys and words that are sent there can be read on the way: no TLS, and another machine."""
    parts = urlsplit(url)
    return parts.scheme not in ("https", "wss") and not on_this_machine(parts.hostname or "")


def on_this_machine(host: str) -> bool:
    """Only whole addresses count, and `localhost`: a name such as 127.0.0.1.example.com can be of any machine."""
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return host.lower() in LOOPBACK
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def server_context(certificate: str, key: str) -> ssl.SSLContext:
    """The context of a server. `certificate`: PEM, with the intermediate ones. Raises OSError and ssl.SSLError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    return context
