"""What may be dialled. Whatever is asked for, a dial string holds only what the allow-list let pass."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.config_values import FORBIDDEN_IN_NUMBERS
from controller.limits import (
    Context,
    NotAllowed,
    Number,
    check_caller_id,
    check_number,
    destination,
    dial_string,
    endpoint_of,
    tool_destination,
)
from tests.unit.controller.configs import FULL, config

CONFIG = config()
MAIN, DESK = CONFIG.trunks["main"], CONFIG.trunks["desk"]


@pytest.mark.parametrize(
    ("written", "dialled"),
    [
        ("+493012345", "+493012345"),
        ("+49 30 123-45", "+493012345"),
        ("(030) 123.45", "03012345"),
        ("0049 30 12345", "00493012345"),
        ("+49\u00a030\u202f123\u201145", "+493012345"),
    ],
)
def test_separators_are_dropped(written: str, dialled: str) -> None:
    assert check_number(MAIN, written) == dialled
    assert dial_string(MAIN, written) == f"PJSIP/{dialled}@trunk"


@pytest.mark.parametrize(
    "number", ["", "123", "1234567890123456", "front-desk", "++4930123", "*98", "+49 (0) 30 12345"]
)
def test_what_no_pattern_matches_whole_is_refused(number: str) -> None:
    with pytest.raises(NotAllowed):
        check_number(MAIN, number)


def test_an_extension_keeps_its_name() -> None:
    assert dial_string(DESK, "front-desk") == "PJSIP/front-desk@phones"


HOSTILE = [*FORBIDDEN_IN_NUMBERS, "\0", "\x1b", "\u2028", "٣", "１", "@", ":", "\u202e", "\u200b", "é"]
WIDE = config(FULL, trunks__main__allow=["[0-9A-Za-z]{1,40}", r"[0-9]+\W[0-9]{30}"]).trunks["main"]


@pytest.mark.parametrize("sign", [sign for sign in HOSTILE if sign not in " ()"])
@pytest.mark.parametrize("where", ["{}493012345", "4930{}12345", "493012345{}", "493012345{}PJSIP/0900@trunk"])
def test_hostile_signs_are_refused_anywhere(sign: str, where: str) -> None:
    for trunk in (MAIN, DESK, WIDE):
        with pytest.raises(NotAllowed):
            dial_string(trunk, where.format(sign))


@given(st.text(max_size=140) | st.text(alphabet="0123456789+()- /&,@:sip.abc\r\n${};", max_size=60))
def test_a_dial_string_holds_nothing_but_a_number(text: str) -> None:
    for trunk in (MAIN, DESK, WIDE):
        try:
            made = dial_string(trunk, text)
        except NotAllowed as refusal:
            told = refusal.reason
            assert told.endswith(".")
        else:
            assert re.fullmatch(r"PJSIP/(\+?[0-9A-Za-z_.*#-]+@[a-z]+|phones/sip:[a-z]+@pbx\.test)", made)


def test_a_refusal_never_holds_the_number() -> None:
    for number in ("0900123456789012345", "sip:0900@evil.test", "0900@evil", "09/00"):
        with pytest.raises(NotAllowed) as caught:
            destination(CONFIG, number, "main")
        assert "0900" not in str(caught.value)
        assert caught.value.reason == str(caught.value)


# ---------------------------------------------------------------- SIP addresses


def test_a_sip_address_goes_out_by_the_trunks_endpoint() -> None:
    assert dial_string(DESK, "sip:anna@pbx.test") == "PJSIP/phones/sip:anna@pbx.test"


@pytest.mark.parametrize(
    "uri",
    ["sip:anna@pbx.test.evil", "sip:anna@evil?x=pbx.test", "sip:anna@pbx.test;maddr=evil", "sip:anna@pbx.test:5060"]
    + [
        "sip:anna@pbx.test\r\nX: y",
        "sip:an na@pbx.test",
        "SIP:anna@pbx.test",
        "sip:anna",
        "sip:@pbx.test",
        "sip:a@b@pbx.test",
    ]
    + ["sips:anna@pbx.test", "sip:anna@pbxxtest"],
)
def test_other_sip_addresses_are_refused(uri: str) -> None:
    with pytest.raises(NotAllowed):
        dial_string(DESK, uri)


def test_a_pattern_for_numbers_never_opens_sip_addresses() -> None:
    wide = config(FULL, trunks__main__allow=["[0-9a-z:@.]{1,40}"]).trunks["main"]
    with pytest.raises(NotAllowed):
        dial_string(wide, "sip:anna@pbx.test")
    with pytest.raises(NotAllowed):
        dial_string(wide, "anna@pbx.test")


@pytest.mark.parametrize(
    ("template", "endpoint"),
    [
        ("PJSIP/{number}@trunk", "trunk"),
        ("PJSIP/trunk/sip:{number}@10.0.0.1:5080", "trunk"),
        ("Local/{number}@out", None),
        ("DAHDI/g1/{number}", None),
    ],
)
def test_the_endpoint_of_a_trunk(template: str, endpoint: str | None) -> None:
    trunk = config(FULL, trunks__desk__endpoint=template).trunks["desk"]
    assert endpoint_of(trunk) == endpoint
    if endpoint is None:
        with pytest.raises(NotAllowed):
            dial_string(trunk, "sip:anna@pbx.test")


# ---------------------------------------------------------------- destinations


@pytest.mark.parametrize(
    ("to", "trunk", "where"),
    [
        ("+4930 12345", None, Number("main", "PJSIP/+493012345@trunk", "+493012345")),
        ("+4930 12345", "main", Number("main", "PJSIP/+493012345@trunk", "+493012345")),
        ("1234", "desk", Number("desk", "PJSIP/1234@phones", "1234")),
        ("12345", "gone", Number("main", "PJSIP/12345@trunk", "12345")),
        ("sip:anna@pbx.test", "desk", Number("desk", "PJSIP/phones/sip:anna@pbx.test", "sip:anna@pbx.test")),
        ("700@queues", "desk", Context("queues", "700")),
        ("sales", None, Number("main", "PJSIP/4930555@trunk", "4930555")),
        ("support", None, Context("queues", "7000")),
    ],
)
def test_destinations(to: str, trunk: str | None, where: Number | Context) -> None:
    assert destination(CONFIG, to, trunk) == where


def test_how_a_context_is_dialled() -> None:
    assert Context("queues", "700").dial == "Local/700@queues"


@pytest.mark.parametrize(
    "to",
    [
        "700@internal",
        "700@queues/n",
        "7,1@queues",
        "@queues",
        "700@",
        "7 0@queues",
        "700@queues,1",
        "Sales",
        "700@queues\n",
    ],
)
def test_other_destinations_are_refused(to: str) -> None:
    with pytest.raises(NotAllowed):
        destination(CONFIG, to, None)


def test_the_refusal_of_a_context_names_the_key() -> None:
    with pytest.raises(NotAllowed, match=r"transfer\.contexts"):
        destination(CONFIG, "700@internal", None)


def test_without_trunks_no_number_is_dialled() -> None:
    with pytest.raises(NotAllowed, match="trunks"):
        destination(config(FULL, trunks={}, transfer={}), "12345", None)


def test_a_model_may_transfer_to_named_targets_only() -> None:
    assert tool_destination(CONFIG, "sales", None) == destination(CONFIG, "sales", None)
    with pytest.raises(NotAllowed, match="sales, support"):
        tool_destination(CONFIG, "+49900123456", None)


def test_without_named_targets_a_model_may_what_the_trunk_allows() -> None:
    made = config(FULL, transfer={})
    assert tool_destination(made, "+493012345", None) == destination(made, "+493012345", None)


# ---------------------------------------------------------------- caller ids and capacity


@pytest.mark.parametrize("text", ["+4930123", "1001", "Reception <+4930123>", '"The desk" <1001>', "Müller <1001>"])
def test_caller_ids(text: str) -> None:
    assert check_caller_id(text) == text


@pytest.mark.parametrize(
    "text",
    ["", "a b", "x\r\nX-Evil: 1 <1>", "Name <1>\n", "<1>", "a <1> <2>", "${SHELL(x)} <1>", 'a"b <1>', "a@b", "x" * 200],
)
def test_other_caller_ids_are_refused(text: str) -> None:
    with pytest.raises(NotAllowed):
        check_caller_id(text)
