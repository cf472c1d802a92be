"""Checks of the AI providers: key, model, the date on which it is switched off. Only `live` connects to them."""

import ssl
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx

from bridge.common.proxies import BadProxy, ProxyFault, is_socks, proxy_for, shown
from bridge.common.request_failure import of_error
from bridge.common.socks import ThroughSocks
from controller.cli.doctor import environment
from controller.cli.doctor.findings import Finding, failure, ok, skipped, warning
from controller.config import Config
from controller.config.models.agents import AiProvider

SWITCHED_OFF = {
    "gpt-realtime": date(2027, 1, 20),
    "gpt-realtime-2025-08-28": date(2027, 1, 20),
    "gpt-realtime-mini": date(2027, 1, 20),
    "gpt-realtime-mini-2025-12-15": date(2027, 1, 20),
    "gpt-realtime-mini-2025-10-06": date(2026, 7, 23),
    "whisper-1": date(2027, 2, 26),
    "gpt-4o-transcribe": date(2027, 2, 26),
    "gpt-4o-mini-transcribe": date(2027, 2, 26),
}
"""Source: the deprecations page of OpenAI's documentation, as of November 2026."""
SUCCESSORS = "gpt-realtime-2.1-mini or gpt-realtime-2.1; for transcription gpt-transcribe"
TIMEOUT = 10.0


def models(config: Config, today: date) -> list[Finding]:
    """Which models of the config are switched off, or will be."""
    found = [finding for name in sorted(_model_names(config)) if (finding := _dated(name, today)) is not None]
    return found or [ok("models", "none that the config names is about to be switched off")]


def _model_names(config: Config) -> set[str]:
    transcribing = {agent.transcription.model for agent in config.agents.values() if agent.transcription is not None}
    return {provider.model for _, provider in _providers(config)} | transcribing


def _dated(model: str, today: date) -> Finding | None:
    off = SWITCHED_OFF.get(model)
    if off is None:
        return None
    fix = f"Change to {SUCCESSORS}."
    if off <= today:
        return failure("models", f"{model} was switched off on {off}", fix)
    return warning("models", f"{model} is switched off on {off}, in {(off - today).days} days", fix)


def _providers(config: Config) -> Iterator[tuple[str, AiProvider]]:
    yield "openai", config.openai
    yield from config.providers.items()


async def live(config: Config, today: date) -> list[Finding]:
    """Requests the model from each provider of OpenAI's dialect: free, and it checks key, model and network."""
    found: list[Finding] = []
    for name, provider in _providers(config):
        if provider.dialect not in (None, "openai"):
            found.append(skipped(f"provider {name}", f"there is no such check for a {provider.dialect} server"))
        else:
            found += await _check(f"provider {name}", provider, today)
    return found


async def _check(check: str, provider: AiProvider, today: date) -> list[Finding]:
    headers = {"Authorization": f"Bearer {provider.api_key.get_secret_value()}"}
    proxy = None
    try:
        proxy = proxy_for(provider.url)
        async with httpx.AsyncClient(timeout=TIMEOUT, trust_env=False, **_towards(proxy)) as http:
            answer = await http.get(model_url(provider.url, provider.model), headers=headers)
    except (BadProxy, ProxyFault) as error:
        return [failure(check, f"can't be reached: {error}", environment.PROXY_FIX)]
    except httpx.RequestError as error:
        if proxy is not None:
            return [
                failure(check, f"can't be reached by the proxy {shown(proxy)}: {_why(error)}", environment.PROXY_FIX)
            ]
        fix = "Workers must reach that address by TLS (port 443): check firewall, proxy and DNS."
        return [failure(check, f"can't be reached: {_why(error)}", fix)]
    except UnicodeError:
        fix = "Set `api_key` and `url` again, without other characters."
        return [failure(check, "its key or its address has characters that can't be sent", fix)]
    except (httpx.InvalidURL, ValueError):
        fix = "Correct its `url`, or the proxy of the environment (http://host:port)."
        return [failure(check, "its address, or that of the proxy, is invalid", fix)]
    found = list(_answered(check, provider.model, answer, today))
    return [replace(each, told=f"{each.told} (by the proxy {shown(proxy)})") for each in found] if proxy else found


def _towards(proxy: str | None) -> dict[str, Any]:
    """Arguments for an httpx client that connects as workers do."""
    tls = ssl.create_default_context()
    if proxy is None or not is_socks(proxy):
        return {"proxy": proxy, "verify": tls}
    return {"transport": ThroughSocks(proxy, tls=tls)}


def _why(error: httpx.RequestError) -> str:
    if isinstance(error, httpx.TimeoutException):
        return f"no answer within {TIMEOUT:g} s"
    if isinstance(error, httpx.ProxyError):
        return f"it does not let us through ({str(error)[:80]})"
    return of_error(error, "connect").detail


def _answered(check: str, model: str, answer: httpx.Response, today: date) -> Iterable[Finding]:
    match answer.status_code:
        case 200:
            yield ok(check, f"the key works, and {model} is there")
            yield from _shutdown(check, model, answer, today)
        case 401 | 403:
            yield failure(
                check, f"refuses the key ({answer.status_code})", "Set a valid key: OPENAI_API_KEY, or `api_key`."
            )
        case 404:
            yield failure(check, f"does not have {model}, or not for this key", f"Change `model` to {SUCCESSORS}.")
        case 429:
            yield failure(check, "the quota is used up (429)", "Raise the limit or add credit at the provider.")
        case status:
            yield warning(check, f"answered {status}", "See the provider's status page, and try again.")


def _shutdown(check: str, model: str, answer: httpx.Response, today: date) -> Iterable[Finding]:
    try:
        text = answer.json().get("shutdown_date")
        off = date.fromisoformat(text[:10]) if text else None
    except (ValueError, TypeError, AttributeError):
        return
    if off is not None and (off - today).days < 120:
        yield warning(check, f"{model} is switched off on {off}", f"Change to {SUCCESSORS}.")


def model_url(realtime: str, model: str) -> str:
    """`wss://api.openai.com/v1/realtime` → `https://api.openai.com/v1/models/…`."""
    parts = urlsplit(realtime)
    scheme = {"wss": "https", "ws": "http"}.get(parts.scheme, parts.scheme)
    return urlunsplit(
        (scheme, parts.netloc, parts.path.rstrip("/").removesuffix("/realtime") + f"/models/{model}", "", "")
    )
