"""The receivers of webhooks: those of the config, and the URL that a call was placed with. [pure]

Owns which event goes to which receiver, with or without personal data, and whether a call may be placed with a URL.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from controller.calls.errors import WrongWebhook
from controller.config.models import webhook_secrets
from controller.config.models.event_filters import types_of
from controller.config.models.webhooks import CallWebhooks, Webhook, WebhookUrl
from controller.events.factory import OutgoingEvent

OF_CALL = "call:"
"""The name of a receiver that a call was placed with is `call:<host>`. A name in the config has no colon."""

_url: TypeAdapter[str] = TypeAdapter(WebhookUrl)


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where one event is to be sent, and how. The URL may hold a secret, so it is never shown."""

    name: str
    url: str = field(repr=False)
    keys: tuple[bytes, ...] = field(repr=False)
    types: frozenset[str] = field(repr=False)
    personal: bool
    allowed_hosts: frozenset[str]
    timeout_s: float
    give_up_after_s: float

    @property
    def host(self) -> str:
        """In small letters."""
        return urlsplit(self.url).hostname or ""

    def body(self, outgoing: OutgoingEvent) -> bytes:
        """JSON, as this receiver may see it."""
        return outgoing.full if self.personal else outgoing.without_personal


class Receivers:
    """`configured`: the webhooks of the config, by name. `of_calls`: what holds for the webhooks of calls; None: calls
    may have none."""

    def __init__(self, configured: Mapping[str, Webhook], of_calls: CallWebhooks | None) -> None:
        self.replace(configured, of_calls)

    def replace(self, configured: Mapping[str, Webhook], of_calls: CallWebhooks | None) -> None:
        """These from now on, also for events that wait to be sent."""
        self._configured = {name: _receiver(name, each.url, each) for name, each in configured.items()}
        self._of_calls = of_calls

    def of(self, outgoing: OutgoingEvent) -> list[Receiver]:
        """Who wants this event."""
        found = [each for each in self._configured.values() if outgoing.type in each.types]
        own = self.named("", outgoing.webhook) if outgoing.webhook else None
        return [*found, own] if own is not None and outgoing.type in own.types else found

    def named(self, name: str, url: str | None) -> Receiver | None:
        """The receiver as the config has it now. `url`: that of a call's own receiver. None: the config has it no
        more."""
        if url is None:
            return self._configured.get(name)
        if self._of_calls is None:
            return None
        return _receiver(OF_CALL + (urlsplit(url).hostname or ""), url, self._of_calls)

    def check(self, url: str) -> None:
        """Whether a call may be placed with this `webhook`. Raises WrongWebhook, without repeating the URL."""
        if self._of_calls is None:
            raise WrongWebhook("Calls may have no webhook of their own: the config has no `call_webhooks`.")
        try:
            _url.validate_python(url, strict=True)
        except ValidationError:
            raise WrongWebhook("A webhook is a plain http:// or https:// URL without user name and password.") from None
        hosts, host = self._of_calls.allowed_hosts, urlsplit(url).hostname or ""
        if hosts and host not in hosts:
            raise WrongWebhook("This host is not in `call_webhooks.allowed_hosts`.")
        if not hosts and _is_private(host):
            raise WrongWebhook("A webhook at a private address needs its host in `call_webhooks.allowed_hosts`.")


def _receiver(name: str, url: str, how: CallWebhooks) -> Receiver:
    secrets = [how.secret, *([how.previous_secret] if how.previous_secret else [])]
    return Receiver(
        name=name,
        url=url,
        keys=tuple(webhook_secrets.key_of(each.get_secret_value()) for each in secrets),
        types=types_of(how.events),
        personal=how.personal,
        allowed_hosts=frozenset(how.allowed_hosts),
        timeout_s=how.timeout_s,
        give_up_after_s=how.give_up_after_s,
    )


def _is_private(host: str) -> bool:
    """Only of addresses and `localhost`; the addresses of a name are checked at each request (`address_guard`)."""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
