"""What may be dialled. Whatever is asked for, a dial string holds only what the allow-list let pass."""

import re

import pytest
from hypothesis import given, strategies as st

from controller.config import ConfigErrors, Trunk
from controller.config.values import FORBIDDEN_IN_NUMBERS
from controller.dialing.numbers import (
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
        ("7001@queues", "desk", Context("queues", "7001", "desk")),
        ("sales", None, Number("main", "PJSIP/4930555@trunk", "4930555")),
        ("support", None, Context("queues", "7000", "main")),
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


def test_without_named_targets_a_model_may_transfer_nowhere_unless_the_config_says_so() -> None:
    with pytest.raises(NotAllowed, match="There are none"):
        tool_destination(config(FULL, transfer={}), "+493012345", None)
    for targets in ({}, {"sales": "4930555"}):
        made = config(FULL, transfer={"any_number": True, "targets": targets})
        assert tool_destination(made, "+493012345", None) == destination(made, "+493012345", None)
        with pytest.raises(NotAllowed):
            tool_destination(made, "09001234567", None)


# ---------------------------------------------------------------- the dialplan

INSIDE = config(
    FULL,
    trunks__main__allow=[r"\+49[1-9][0-9]{5,12}"],
    transfer={
        "contexts": {
            "from-internal": {},
            "phones": {"extensions": ["[1-9][0-9]{2,3}", "front-desk", r"\*98"], "trunk": "main"},
            "greedy": {"extensions": [r"[0-9*#+A-Za-z.]{1,30}"]},
        }
    },
)


@pytest.mark.parametrize(
    ("to", "where"),
    [
        ("+491701234567@from-internal", Context("from-internal", "+491701234567", "main")),
        ("+49-170-1234567@from-internal", Context("from-internal", "+491701234567", "main")),
        ("+491701234567@phones", Context("phones", "+491701234567", "main")),
        ("1001@phones", Context("phones", "1001")),
        ("front-desk@phones", Context("phones", "front-desk")),
        ("*98@phones", Context("phones", "*98")),
        ("alice@greedy", Context("greedy", "alice")),
        ("030123456@greedy", Context("greedy", "030123456", "main")),
    ],
)
def test_what_a_context_may_be_sent(to: str, where: Context) -> None:
    assert destination(INSIDE, to, "main") == where


@pytest.mark.parametrize("context", ["from-internal", "phones", "greedy"])
@pytest.mark.parametrize(
    "extension",
    [
        *("112", "110", "911", "0112", "+112", "+49112", "0049112", "9112", "1-1-2", "*31#112", "*72112", "112#"),
        *("11833", "11880", "09001234567", "+499001234567", "00499001234567", "*7209001234567", "*21*030123456#"),
        *("+441534456789", "0033123456789", "+18765551234", "442071234567"),
    ],
)
def test_no_context_is_a_way_around_the_rules(context: str, extension: str) -> None:
    for trunk in ("main", None):
        with pytest.raises(NotAllowed):
            destination(INSIDE, f"{extension}@{context}", trunk)


@pytest.mark.parametrize("extension", ["1001", "030123456", "*72", "*98", "alice", "s", "h", "i", "front-desk", "#1"])
def test_what_a_context_does_not_list_is_not_dialled(extension: str) -> None:
    with pytest.raises(NotAllowed):
        destination(INSIDE, f"{extension}@from-internal", "main")


@given(st.text(alphabet="0123456789+*#-_.ahs", min_size=1, max_size=20), st.sampled_from(["from-internal", "phones"]))
def test_whatever_goes_into_a_context_is_listed_or_a_number_that_the_trunk_may_dial(to: str, context: str) -> None:
    try:
        where = destination(INSIDE, f"{to}@{context}", "main")
    except NotAllowed:
        return
    assert isinstance(where, Context)
    if where.trunk is None:
        assert context == "phones"
        assert re.fullmatch(r"[1-9][0-9]{2,3}|front-desk|\*98", where.extension)
    else:
        assert check_number(INSIDE.trunks[where.trunk], where.extension) == where.extension


@pytest.mark.parametrize("extension", ["112", "110", "9112", "09001234567", "11833", "0033123456789"])
def test_no_overflow_leads_to_such_a_number(extension: str) -> None:
    routes = [{"to": "*", "agent": "night", "overflow": [{"wait": {}}, {"context": f"{extension}@people"}]}]
    with pytest.raises(ConfigErrors, match=r"routes\[0\]\.overflow\[1\]\.context.*never be reached"):
        config(FULL, routes=routes)
    routes[0]["overflow"] = [{"context": "100@people"}]
    config(FULL, routes=routes)


@pytest.mark.parametrize("extension", ["*72", "*21", "100*", "7#", "*21*4917012345", "#31#"])
def test_no_overflow_leads_to_a_feature_code_that_is_not_listed(extension: str) -> None:
    routes = [{"to": "*", "agent": "night", "overflow": [{"context": f"{extension}@people"}]}]
    for contexts in ({}, {"people": {"extensions": ["[0-9]+"]}}, {"others": {"extensions": [r"\*72"]}}):
        with pytest.raises(ConfigErrors, match=r"routes\[0\]\.overflow\[0\]\.context.*feature code.*listed"):
            config(FULL, routes=routes, transfer={"contexts": contexts})


def test_an_overflow_may_lead_to_a_listed_feature_code_that_no_trunk_takes_for_a_number() -> None:
    contexts = {"people": {"extensions": [r"\*.*"]}}
    routes = [{"to": "*", "agent": "night", "overflow": [{"context": "*98@people"}]}]
    config(FULL, routes=routes, transfer={"contexts": contexts})
    routes[0]["overflow"] = [{"context": "*21*4917012345@people"}]
    with pytest.raises(ConfigErrors, match="never be reached"):
        config(FULL, routes=routes, transfer={"contexts": contexts})


def test_the_trunk_of_a_context_is_one_that_exists() -> None:
    with pytest.raises(ConfigErrors, match=r"transfer\.contexts\.phones\.trunk.*no such trunk"):
        config(FULL, transfer={"contexts": {"phones": {"trunk": "mian"}}})


# ---------------------------------------------------------------- caller ids and capacity


def showing(*caller_ids: str, caller_id: str | None = "+4930123") -> Trunk:
    return config(FULL, trunks__main__caller_id=caller_id, trunks__main__caller_ids=list(caller_ids)).trunks["main"]


@pytest.mark.parametrize(
    ("allowed", "wanted", "shown"),
    [
        ([], "+4930123", "+4930123"),
        ([], "+49 30 123", "+4930123"),
        (["+4930555*"], "+493055512", "+493055512"),
        (["+4930555*"], "+4930555", "+4930555"),
        (["1001"], "1001", "1001"),
        (["Reception <+4930124>"], "Reception <+4930124>", "Reception <+4930124>"),
        (["Reception <+4930124>"], '"Reception" <+49 30 124>', "Reception <+4930124>"),
        (["Reception <+4930124>"], "+4930124", "+4930124"),
        (["Müller <+4930*>"], "Müller <+49301>", "Müller <+49301>"),
    ],
)
def test_caller_ids_that_a_trunk_may_show(allowed: list[str], wanted: str, shown: str) -> None:
    assert check_caller_id(showing(*allowed), wanted) == shown


@pytest.mark.parametrize("allowed", [[], ["+4930555*", "Reception <+4930124>", "1001"]])
@pytest.mark.parametrize(
    "text",
    [
        *("112", "110", "+49112", "+493012", "+49301234", "004930123", "4930123", "+4930555A", "+49305551*", "1002"),
        *("Bank <+4930123>", "Bank <+4930555123>", "Bank <+4930124>", "reception  <+4930124>", "Police <1001>"),
        *("Reception <+4930555123>", "Reception <+4930123>", "+4930124 <+4930124>", '"112" <+4930123>'),
        *("", "a b", "x\r\nX-Evil: 1 <1>", "Name <1>\n", "<1>", "a <1> <2>", "${SHELL(x)} <1>", 'a"b <1>', "a@b"),
        *("x" * 200, "Reception <+4930124>;", "anonymous", "\u0661\u0661\u0662", "+4930123\u200b"),
    ],
)
def test_other_caller_ids_are_refused(allowed: list[str], text: str) -> None:
    with pytest.raises(NotAllowed) as refused:
        check_caller_id(showing(*allowed), text)
    assert not re.search("[0-9]{2}", str(refused.value).replace("+49301234567", ""))


def test_a_trunk_without_a_caller_id_shows_none() -> None:
    with pytest.raises(NotAllowed):
        check_caller_id(showing(caller_id=None), "+4930123")


@given(st.text(alphabet='0123456789+-*. <>"Bank', max_size=20) | st.text(max_size=20))
def test_a_caller_id_that_passes_is_one_of_the_trunks(text: str) -> None:
    trunk = showing("+4930555*", "Bank <+4930124>")
    try:
        shown = check_caller_id(trunk, text)
    except NotAllowed:
        return
    assert re.fullmatch(r"\+4930123|\+4930555[0-9]*|(Bank <)?\+4930124>?", shown, re.ASCII)
