"""config.yaml's `webhooks` and `call_webhooks`: receivers of events by HTTP. [pure]"""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, WithJsonSchema

from controller.config.models import event_filters, webhook_secrets
from controller.config.values import Host, Secret, Section, wrong


def _webhook_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise wrong("is not a URL") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise wrong("must begin with http:// or https:// and name a host")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise wrong("must have no user name, password or #")
    if not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
        raise wrong("must be plain ASCII, everything else percent-encoded")
    return text


def _signing_secret(secret: SecretStr) -> SecretStr:
    try:
        webhook_secrets.key_of(secret.get_secret_value())
    except ValueError as error:
        raise wrong(str(error), 'make one with: echo "whsec_$(openssl rand -base64 32)"') from None
    return secret


def _event_pattern(text: str) -> str:
    try:
        event_filters.types_of([text])
    except ValueError as error:
        raise wrong(str(error)) from None
    return text


WebhookUrl = Annotated[
    str,
    Field(max_length=2000),
    AfterValidator(_webhook_url),
    WithJsonSchema({"type": "string", "pattern": "^https?://", "maxLength": 2000}),
]
SigningSecret = Annotated[Secret, AfterValidator(_signing_secret)]
EventPattern = Annotated[str, AfterValidator(_event_pattern)]


class CallWebhooks(Section):
    """For the `webhook` of POST /v1/calls. Without this section a call cannot have one. List the hosts in
    `allowed_hosts`: without it, everybody who may place calls can make voiceai send requests to any public address."""

    secret: SigningSecret
    """`whsec_` and 24 to 64 bytes in base64: `echo "whsec_$(openssl rand -base64 32)"`. The receiver checks signatures
    with it (docs/events.md)."""
    previous_secret: SigningSecret | None = None
    """The old secret while it is being replaced: requests are signed with both."""
    events: tuple[EventPattern, ...] = ()
    """Event types, or starts of types with a `*` at the end: `[call.started, "call.t*"]`. None: all events."""
    personal: bool = False
    """true: with telephone numbers and transcripts. false: these fields are null."""
    allowed_hosts: tuple[Host, ...] = ()
    """Hosts that may have private addresses. If the list is not empty, the URL's host must be in it."""
    timeout_s: float = Field(10.0, gt=0, le=30)
    """Seconds for one attempt."""
    give_up_after_s: float = Field(86400.0, ge=1, le=604800)
    """Seconds for which an event is retried. After that it becomes a dead letter, which can be sent again."""


class Webhook(CallWebhooks):
    """A receiver of the events of all calls."""

    url: WebhookUrl
    """The URL to which events are sent (POST)."""
