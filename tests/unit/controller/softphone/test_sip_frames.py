"""What of a browser's SIP is passed on: its own, in one form; nothing that Asterisk might take for somebody else's."""

import pytest
from hypothesis import given, strategies as st

from controller.softphone.sip_frames import LARGEST, METHODS, passes

USER = "browser-1f3a5c7e-0123456789abcdef"


def message(
    first: str = "INVITE sip:agent@voiceai.invalid SIP/2.0",
    sender: str = f"From: <sip:{USER}@voiceai.invalid>;tag=a1",
    receiver: str = "To: <sip:agent@voiceai.invalid>",
    body: str = "v=0\r\n",
    length: str | None = None,
) -> str:
    size = len(body.encode()) if length is None else length
    head = [first, "Via: SIP/2.0/WSS x.invalid;branch=z9hG4bK1", receiver, sender, "Call-ID: c1", "CSeq: 1 INVITE"]
    return "\r\n".join([*head, f"Content-Length: {size}", "", body])


GOOD = {
    "a call": message(),
    "a display name": message(sender=f"From: \"Ada, 'x'\" <sip:{USER}@voiceai.invalid>;tag=a1"),
    "short headers": message(sender=f"f: <sips:{USER}@voiceai.invalid>", receiver="t: <sip:agent@x>"),
    "a response": message("SIP/2.0 200 OK", sender="From: <sip:asterisk@10.0.0.1>;tag=b"),
    "a keep-alive": "\r\n\r\n",
    "the end of a call that it was rung for": message(
        "BYE sip:asterisk@10.0.0.1 SIP/2.0", "From: <sip:x1y2@abc.invalid>;tag=a1", "To: <sip:asterisk@10.0.0.1>;tag=b"
    ),
    "signs of more than a byte": message(body="s=ü\r\n"),
}
BAD = {
    "another user": message(sender="From: <sip:trunk@voiceai.invalid>;tag=a1"),
    "no user": message(sender="From: <sip:voiceai.invalid>;tag=a1"),
    "its own user as a parameter": message(sender=f"From: <sip:trunk;x={USER}@voiceai.invalid>"),
    "its own user as a name": message(sender=f'From: "<sip:{USER}@x>" <sip:trunk@voiceai.invalid>'),
    "two senders": message(sender=f"From: <sip:{USER}@v.invalid>\r\nf: <sip:trunk@v.invalid>"),
    "no sender": message(sender="X-From: <sip:a@b>"),
    "a folded header": message(sender=f"From:\r\n <sip:{USER}@voiceai.invalid>"),
    "a bare line feed": message(sender=f"From: <sip:{USER}@v.invalid>\nFrom: <sip:trunk@v.invalid>"),
    "a second message behind": message() + message(sender="From: <sip:trunk@v.invalid>"),
    "a wrong length": message(length="3"),
    "a negative length": message(length="-1"),
    "two lengths": message(length="5\r\nl: 5"),
    "a method that nobody needs": message("REFER sip:agent@voiceai.invalid SIP/2.0"),
    "an end of nothing": message("BYE sip:agent@voiceai.invalid SIP/2.0", "From: <sip:trunk@v.invalid>"),
    "no SIP": "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "no end of the head": message().partition("\r\n\r\n")[0],
    "too much": message(body="x" * LARGEST),
    "a NUL": message(sender=f"From: <sip:{USER}@v.invalid>;x=\0"),
}


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD.keys())
def test_what_passes(text: str) -> None:
    assert passes(text, USER)


@pytest.mark.parametrize("text", BAD.values(), ids=BAD.keys())
def test_what_does_not(text: str) -> None:
    assert not passes(text, USER)


@given(st.sampled_from(sorted(METHODS - {"BYE"})), st.text(max_size=40), st.text(max_size=40))
def test_no_request_passes_in_the_name_of_another(method: str, user: str, more: str) -> None:
    sender = f"From: {more}<sip:{user}@voiceai.invalid>"
    if user != USER:
        assert not passes(message(f"{method} sip:agent@voiceai.invalid SIP/2.0", sender), USER)


@given(st.text(max_size=300))
def test_any_text_is_an_answer_and_no_error(text: str) -> None:
    assert passes(text, USER) == (not text.strip("\r\n"))
