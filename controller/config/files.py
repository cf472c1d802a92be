"""Checks files and optional packages that the config needs.

The rest of the config is checked without reading other files.
"""

import ssl
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec

from bridge.common.tls import client_context, server_context
from controller.config import Config
from controller.config.errors import ConfigError

INSTALL = "make install EXTRAS=1, or pip install 'PATH[{}]' with the path of the checkout (docs/install.md)"


def wrong(config: Config) -> list[ConfigError]:
    ari, tls = config.asterisk.ari, config.api.tls
    found = []
    if ari.ca_file is not None:
        file = ari.ca_file
        found += _tried(
            "asterisk.ari.ca_file", file, lambda: client_context("https://", file), "a PEM file of certificates"
        )
    if (oidc := config.api.oidc) is not None and oidc.ca_file is not None:
        trusted = oidc.ca_file
        found += _tried(
            "api.oidc.ca_file", trusted, lambda: client_context("https://", trusted), "a PEM file of certificates"
        )
    if (authority := config.cluster.ca_file) is not None:
        found += _tried(
            "cluster.ca_file", authority, lambda: client_context("https://", authority), "a PEM file of certificates"
        )
    if tls is not None:
        hint = "PEM files that belong together, and that this user may read"
        found += _tried("api.tls", tls.certificate, lambda: server_context(tls.certificate, tls.key), hint)
    for index, shared in enumerate(config.bridge.share_with):
        if (trust := shared.ca) is not None:
            use = partial(client_context, "https://", trust)
            found += _tried(f"bridge.share_with[{index}].ca", trust, use, "a PEM file of certificates")
    needs = (
        ("traces", config.traces is not None, "opentelemetry", "otel"),
        ("cluster.url", config.cluster.url is not None, "redis", "cluster"),
        ("store.url", config.store.url.get_secret_value().startswith("postgresql"), "asyncpg", "postgres"),
    )
    for path, used, package, extra in needs:
        if used and find_spec(package) is None:
            found.append(ConfigError(path, "", "needs packages that are not installed", INSTALL.format(extra)))
    return found


def _tried(path: str, value: str, use: Callable[[], object], hint: str) -> list[ConfigError]:
    try:
        use()
    except ssl.SSLError as error:
        return [ConfigError(path, value, f"is unusable: {(error.reason or 'no PEM').replace('_', ' ').lower()}", hint)]
    except OSError as error:
        return [ConfigError(path, value, f"can't be read: {error.strerror or error}", hint)]
    return []
