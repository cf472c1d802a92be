"""controller.events.webhooks.receivers: who gets which event, and which URL a call may bring along."""

from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from controller.calls.errors import WrongWebhook
from controller.config.models.webhooks import CallWebhooks, Webhook
from controller.events.webhooks import receivers
from controller.events.webhooks.receivers import Receivers
from tests.unit.controller.events.outgoing import outgoing_events

SECRET = SecretStr("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
OLD = SecretStr("whsec_" + "b2xk" * 8)
STARTED, SAID = outgoing_events(2)
HOOK = "https://shop.example/hook?token=geheim"


def hook(**more: Any) -> Webhook:
    return Webhook.model_validate({"url": "https://crm.example/hook", "secret": SECRET, **more})


def call_hooks(**more: Any) -> CallWebhooks:
    return CallWebhooks.model_validate({"secret": SECRET, **more})


def test_by_type() -> None:
    who = Receivers({"all": hook(), "starts": hook(events=("call.started",)), "ends": hook(events=("call.e*",))}, None)
    assert [each.name for each in who.of(STARTED)] == ["all", "starts"]
    assert [each.name for each in who.of(SAID)] == ["all"]


def test_what_is_personal_goes_to_those_who_may_see_it() -> None:
    plain, trusted = Receivers({"plain": hook(), "trusted": hook(personal=True)}, None).of(STARTED)
    assert b"+4930123" not in plain.body(STARTED)
    assert b"+4930123" in trusted.body(STARTED)


def test_the_call_s_own() -> None:
    who = Receivers({"all": hook()}, call_hooks(events=("call.started",), timeout_s=3.0))
    assert [each.name for each in who.of(replace(STARTED, webhook=HOOK))] == ["all", "call:shop.example"]
    assert [each.name for each in who.of(replace(SAID, webhook=HOOK))] == ["all"]
    own = who.of(replace(STARTED, webhook=HOOK))[1]
    assert (own.url, own.host, own.timeout_s, own.personal) == (HOOK, "shop.example", 3.0, False)
    assert "geheim" not in repr(own)
    assert who.named(own.name, HOOK) == own
    without = Receivers({}, None)
    assert without.of(replace(STARTED, webhook=HOOK)) == []
    assert without.named(own.name, HOOK) is None


def test_names_that_the_config_no_longer_has() -> None:
    who = Receivers({"crm": hook(previous_secret=OLD)}, None)
    found = who.named("crm", None)
    assert found is not None
    assert len(found.keys) == 2
    assert who.named("gone", None) is None


@pytest.mark.parametrize(
    "url",
    ["https://shop.example/a?b=c", "http://shop.example:8080", "https://93.184.216.34/x", "HTTPS://SHOP.example/"],
)
def test_urls_that_a_call_may_have(url: str) -> None:
    Receivers({}, call_hooks()).check(url)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "plain http"),
        ("shop.example", "plain http"),
        ("ftp://shop.example", "plain http"),
        ("file:///etc/passwd", "plain http"),
        ("https://", "plain http"),
        ("https://user:pass@shop.example/", "plain http"),
        ("https://@shop.example/", "plain http"),
        ("https://shop.example/#x", "plain http"),
        ("https://shop.example/a b", "plain http"),
        ("https://shop.example/\r\nX: y", "plain http"),
        ("https://shop.example\\@evil.example/", "plain http"),
        ("https://sh\u00f6p.example/", "plain http"),
        ("https://shop.example:99999/", "plain http"),
        ("https://shop.example/" + "x" * 2000, "plain http"),
        ("http://127.0.0.1/", "private address"),
        ("http://169.254.169.254/latest/meta-data", "private address"),
        ("http://[::1]:80/", "private address"),
        ("http://localhost/", "private address"),
    ],
)
def test_urls_that_a_call_may_not_have(url: str, why: str) -> None:
    with pytest.raises(WrongWebhook, match=why) as refused:
        Receivers({}, call_hooks()).check(url)
    assert url in ("", "https://") or url not in str(refused.value)


def test_where_hosts_are_named_only_those() -> None:
    who = Receivers({}, call_hooks(allowed_hosts=("127.0.0.1",)))
    who.check("http://127.0.0.1:8080/hook")
    with pytest.raises(WrongWebhook, match="allowed_hosts"):
        who.check(HOOK)
    with pytest.raises(WrongWebhook, match="no `call_webhooks`"):
        Receivers({}, None).check(HOOK)


def test_names_of_both_kinds_never_meet() -> None:
    assert ":" in receivers.OF_CALL  # a name in the config has none
