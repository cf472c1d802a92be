"""Emergency numbers are not dialled in any spelling; the home of a trunk is a region, not a country code."""

import phonenumbers
import pytest
from hypothesis import given, settings, strategies as st

from controller.config import ConfigErrors
from controller.dialing.emergency import reaches_emergency
from controller.dialing.numbers import NotAllowed, check_number, destination
from controller.dialing.toll_fraud import denial_reason
from tests.unit.controller.configs import FULL, config

ANYTHING = (
    config(FULL, trunks__main__allow=["[0-9]{3}"], transfer={})
    .trunks["main"]
    .model_copy(update={"allow": (r"(?s:.*)",)})
)
SPELLINGS = {
    "DE": "112 110 0112 00112 +112 +49112 0049112 49112 01149112 +49-112 *31#112 *67112 112# 1-1-2 9112 0110"
    " *112 911 999",
    "US": "911 9911 +1911 1911 0111911 *67911 *82911 9-911 91911 112 911# 911*1 *72911 w911 ww911 0911",
    "GB": "999 112 +44999 0044999 44999 9999 *31#999 00999 +44(0)999",
    "FR": "15 17 18 112 +3315 003318",
    "AU": "000 112 106 +61000 001161000 0000",
    "KZ": "101 102 103 112 +7112 7112 810112 8107103",
    "IN": "100 101 102 112 +91112",
    None: "112 911 110 999 000 0112 +112 *31#112",
}
NO_EMERGENCY = {
    "DE": "1120 1101 5001 100 7112 030112112 +4930112 +493011211 front-desk *98 9000 9001 11833 agent112 2112",
    "US": "2125551234 +12125551234 5911 4911 *98 1001 9000",
    "GB": "02079991120 100 5999 +442071112999",
    None: "100 101 5001 1001 +4930112 alice",
}


@pytest.mark.parametrize(("region", "text"), [(each, text) for each in SPELLINGS for text in SPELLINGS[each].split()])
def test_spellings(region: str | None, text: str) -> None:
    plain = text.replace("(", "").replace(")", "")
    assert reaches_emergency(plain, region)
    with pytest.raises(NotAllowed):
        check_number(ANYTHING.model_copy(update={"country_code": region}), text)


@pytest.mark.parametrize(
    ("region", "text"), [(each, text) for each in NO_EMERGENCY for text in NO_EMERGENCY[each].split()]
)
def test_what_only_looks_like_one(region: str | None, text: str) -> None:
    assert not reaches_emergency(text, region)


@pytest.mark.parametrize("generous", [False, True])
def test_even_a_generous_trunk_must_list_it(generous: bool) -> None:
    trunk = ANYTHING.model_copy(update={"premium": generous, "international": generous})
    with pytest.raises(NotAllowed, match="emergency"):
        check_number(trunk, "112")
    listed = trunk.model_copy(update={"emergency": ("112",)})
    assert check_number(listed, "112") == "112"
    with pytest.raises(NotAllowed, match="emergency"):
        check_number(listed, "110")
    with pytest.raises(NotAllowed):
        check_number(listed.model_copy(update={"allow": ("[0-9]{4,15}",)}), "112")


@pytest.mark.parametrize("to", ["112@from-trunk", "0112@phones", "+49112@from-trunk", "911@x", "1-1-2@x"])
def test_nor_does_the_canary_call_one(to: str) -> None:
    with pytest.raises(ConfigErrors, match=r"canary\.to.*emergency"):
        config(canary={"to": to, "every_s": 300})
    for other in ("5001@from-trunk", "+493012345678@from-trunk", "s@in"):
        config(canary={"to": other, "every_s": 300})


@pytest.mark.parametrize("to", ["*72@from-trunk", "*21*49301234567@phones", "5001#@from-trunk"])
def test_nor_a_feature_code(to: str) -> None:
    with pytest.raises(ConfigErrors, match=r"canary\.to.*feature code"):
        config(canary={"to": to, "every_s": 300})


PREFIXES = st.sampled_from(
    ["", "0", "00", "9", "+", "*31#", "*67", "#31#", "+{code}", "00{code}", "{code}", "011{code}"]
)
SEPARATORS = st.sampled_from(["", " ", "-", ".", "\u2011", "\u00a0", "\u202f"])
REGIONS = sorted(each for each in phonenumbers.SUPPORTED_REGIONS if phonenumbers.is_emergency_number("112", each))


@settings(max_examples=400)
@given(st.data(), st.sampled_from(REGIONS), st.booleans(), st.booleans())
def test_no_spelling_passes(data: st.DataObject, region: str, premium: bool, international: bool) -> None:
    known = [each for each in ("112", "911", "999", "110", "000") if phonenumbers.is_emergency_number(each, region)]
    number = data.draw(st.sampled_from(known))
    code = str(phonenumbers.country_code_for_region(region))
    written = data.draw(PREFIXES).format(code=code) + number + data.draw(st.sampled_from(["", "#"]))
    written = "".join(sign + data.draw(SEPARATORS) for sign in written)
    keys = {"country_code": region, "premium": premium, "international": international}
    trunk = ANYTHING.model_copy(update=keys)
    for text in (written, f"sip:{written}@carrier.example"):
        with pytest.raises(NotAllowed):
            check_number(trunk.model_copy(update={"allow": ("(?s:.*)", "sip(?s:.*)")}), text)


# ---------------------------------------------------------------- regions

AT_HOME = {
    "7": "+74951234567 74951234567",
    "RU": "+74951234567",
    "KZ": "+77011234567 87011234567",
    "44": "+442071234567 02071234567 +447400123456",
    "JE": "+441534456789 01534456789 +447797712345",
    "IM": "+447624123456",
    "1": "+12125551234 2125551234 +18005551234",
    "US": "+12125551234",
    "CA": "+14165551234 4165551234 +18005551234",
    "JM": "+18765551234 8765551234",
    "39": "+390612345678",
    "VA": "+390669812345",
}
ABROAD = {
    "7": "+77011234567 87011234567 77011234567 0077011234567",
    "KZ": "+74951234567 84951234567",
    "44": "+441534456789 01534456789 00441534456789 441534456789 +447797712345 +447911123456 +447624123456",
    "JE": "+442071234567 02071234567",
    "1": "+14165551234 14165551234 4165551234 +17875551234 +18765551234 8765551234",
    "CA": "+12125551234 2125551234",
    "39": "+390669812345 00390669812345",
    "47": "+4779123456 79123456",
    "49": "+390612345678 +35818123456",
}


@pytest.mark.parametrize(("home", "number"), [(each, text) for each in AT_HOME for text in AT_HOME[each].split()])
def test_numbers_of_the_home_region_pass(home: str, number: str) -> None:
    assert denial_reason(number, home, premium=False, international=False) is None


@pytest.mark.parametrize("premium", [False, True])
@pytest.mark.parametrize(("home", "number"), [(each, text) for each in ABROAD for text in ABROAD[each].split()])
def test_other_regions_with_the_same_code_are_abroad(home: str, number: str, premium: bool) -> None:
    assert denial_reason(number, home, premium=premium, international=False) is not None


def test_regions_that_are_counted_as_domestic() -> None:
    canada = "+14165551234"
    assert denial_reason(canada, "1", premium=False, international=False, domestic=["CA"]) is None
    assert denial_reason("+18765551234", "1", premium=False, international=False, domestic=["CA"]) is not None
    assert denial_reason("+436641234567", "49", premium=False, international=False, domestic=["AT"]) is None


@settings(max_examples=300)
@given(
    st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS)), st.sampled_from(["1", "7", "44", "39", "47", "61", "49"])
)
def test_without_international_nothing_of_another_region_is_dialled(region: str, home: str) -> None:
    example = phonenumbers.example_number(region)
    if example is None or region == phonenumbers.region_code_for_country_code(int(home)):
        return
    for form in (phonenumbers.PhoneNumberFormat.E164, phonenumbers.PhoneNumberFormat.INTERNATIONAL):
        with pytest.raises(NotAllowed):
            check_number(ANYTHING.model_copy(update={"country_code": home}), phonenumbers.format_number(example, form))
    with pytest.raises(NotAllowed):
        check_number(
            ANYTHING.model_copy(update={"country_code": home}), f"00{example.country_code}{example.national_number}"
        )


def test_the_config_takes_regions_and_says_what_is_none() -> None:
    made = config(FULL, trunks__main__country_code="JE", trunks__main__domestic=["GB"], transfer={})
    with pytest.raises(NotAllowed):
        destination(made, "+4930123456", "main")
    with pytest.raises(Exception, match=r"trunks\.main\.domestic.*is no region"):
        config(FULL, trunks__main__domestic=["XX"])
