"""controller.calls.runtime.dialplan: what sound a leg that the dialplan dials is asked to have."""

import pytest

from controller.calls.machine.call_loops import Origin
from controller.calls.runtime.dialplan import Formats, formats_of, marks


@pytest.mark.parametrize(
    ("dial", "channel", "expected"),
    [
        ("PJSIP/4930123456@trunk", "target1", {}),
        ("Local/9001@internal/n", "target1", {"originator": "leg"}),
        ("Local/9001@internal/n", "leg", {"formats": "slin24"}),
    ],
)
def test_a_local_channel_has_the_sound_of_the_call_or_of_the_media_leg(
    dial: str, channel: str, expected: Formats
) -> None:
    assert formats_of(dial, channel, "leg") == expected


def test_where_a_telephone_redirects_to_is_not_dialled_unless_the_dialplan_dials() -> None:
    """Asterisk would call `Local/<user of the Contact>@<context of the trunk>`: a caller for an agent of ours."""
    assert marks(Origin(1), "PJSIP/4930123456@trunk")["FORWARD_CONTEXT"] == "voiceai-no-forwarding"
    assert "FORWARD_CONTEXT" not in marks(Origin(1), "Local/9001@internal/n")
