"""Checks of this machine's environment: trusted certificates and proxies.

Owns the checks of SSL_CERT_FILE, SSL_CERT_DIR, the system's certificate store, and of proxies that are not used. Reads
files; makes no connection.
"""

import os
import ssl
from collections.abc import Mapping

from controller.cli.doctor.findings import Finding, failure, ok, warning

CHECK = "certificate store"
PROXY_FIX = (
    "Unset the variable for voiceai, correct it (http://host:port, socks5h://user:password@host:port), or add the "
    "server's name to NO_PROXY."
)


def proxies(env: Mapping[str, str]) -> list[Finding]:
    """Finds unused proxies; the providers' checks report the used ones."""
    names = {name.upper() for name, value in env.items() if value}
    if "HTTP_PROXY" not in names or names & {"HTTPS_PROXY", "WSS_PROXY", "SOCKS_PROXY", "ALL_PROXY"}:
        return []
    fix = "If they need a proxy, set HTTPS_PROXY (http://host:port); if not, nothing needs to be done."
    return [warning("proxy", "HTTP_PROXY is set, but workers connect to wss:// without it", fix)]


def certificate_store(env: Mapping[str, str]) -> list[Finding]:
    """Does this machine trust any certificate authority?"""
    found = []
    if file := env.get("SSL_CERT_FILE"):
        found += _file(file)
    if folders := env.get("SSL_CERT_DIR"):
        found += _folders(folders)
    if found:
        return found
    return [ok(CHECK, "there")] if _believed() else [_empty()]


def _file(path: str) -> list[Finding]:
    fix = "Unset SSL_CERT_FILE, or name a PEM file of certificates that this user may read."
    try:
        ssl.create_default_context(cafile=path)
    except ssl.SSLError:
        return [failure(CHECK, "the file of SSL_CERT_FILE holds no certificate in PEM form", fix)]
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "its name is none"
        return [failure(CHECK, f"the file of SSL_CERT_FILE can't be read: {why}", fix)]
    return []


def _folders(paths: str) -> list[Finding]:
    fix = "Unset SSL_CERT_DIR, or name folders of certificates (made by `openssl rehash`) that this user may read."
    if any(os.path.isdir(each) and os.access(each, os.R_OK | os.X_OK) for each in paths.split(os.pathsep)):
        return []
    return [failure(CHECK, "SSL_CERT_DIR names no folder that can be read", fix)]


def _believed() -> bool:
    if ssl.create_default_context().cert_store_stats()["x509_ca"]:
        return True
    folder = ssl.get_default_verify_paths().capath
    try:
        return bool(folder and os.listdir(folder))
    except OSError:
        return False


def _empty() -> Finding:
    fix = "Install the system's certificates (Debian: `apt install ca-certificates`), or set SSL_CERT_FILE."
    return failure(CHECK, "this machine trusts no certificate authority: no TLS connection can be made", fix)
