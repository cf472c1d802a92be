"""The ARI client against a real Asterisk: every operation takes effect, and the link tells what happened."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any, TypeVar

import pytest

from controller.ari import events
from controller.ari.link import Link, LinkDown, LinkUp
from controller.ari.resources import Channel
from controller.ari.rest import Ari, NotFound, Refused, Unauthorized, Unavailable

pytestmark = pytest.mark.timeout(120)

ECHO = "Local/6000@test-targets/n"
BUSY = "Local/6002@test-targets/n"

Wanted = TypeVar("Wanted")


class Watched:
    """A link whose news is collected as it comes, so that nothing is missed between two waits."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._queue: asyncio.Queue[object] = asyncio.Queue()
        self.seen: list[object] = []
        self.over = False

    async def follow(self) -> None:
        async with aclosing(self._link.stream()) as stream:
            async for what in stream:
                self._queue.put_nowait(what)
        self.over = True

    async def until(self, kind: type[Wanted], fits: Callable[[Wanted], bool] = lambda _: True) -> Wanted:
        """The next of this kind that fits; what came before it is in `seen`."""
        seen_before = len(self.seen)
        try:
            async with asyncio.timeout(20):
                while True:
                    what = await self._queue.get()
                    self.seen.append(what)
                    if isinstance(what, kind) and fits(what):
                        return what
        except TimeoutError:
            raise AssertionError(f"no {kind.__name__}, only {self.seen[seen_before:]}") from None


def link_of(asterisk: Any, app: str, password: str | None = None) -> Link:
    return Link(asterisk.ari_url, asterisk.ari_username, password or asterisk.ari_password, app)


@asynccontextmanager
async def watching(asterisk: Any, app: str) -> AsyncIterator[tuple[Ari, Watched]]:
    """A client and a link that is up, for an app of its own."""
    watched = Watched(link_of(asterisk, app))
    async with Ari(asterisk.ari_url, asterisk.ari_username, asterisk.ari_password, app) as ari:
        following = asyncio.create_task(watched.follow())
        try:
            assert await watched.until(LinkUp) == LinkUp(first=True)
            yield ari, watched
        finally:
            following.cancel()
            await asyncio.wait([following])


@pytest.fixture
def app() -> str:
    return f"app-{uuid.uuid4().hex[:8]}"


@pytest.fixture
async def at(asterisk: Any, app: str) -> AsyncIterator[tuple[Ari, Watched]]:
    async with watching(asterisk, app) as pair:
        yield pair


def of(channel: str) -> Callable[[Any], bool]:
    return lambda event: bool(event.channel is not None and event.channel.id == channel)


async def answered(ari: Ari, news: Watched, name: str, endpoint: str = ECHO, **more: Any) -> Channel:
    """A new channel under this id, in our app. The one that answers is an Echo() in the dialplan."""
    await ari.originate(endpoint, channel_id=name, **more)
    return (await news.until(events.StasisStart, of(name))).channel


# ---------------------------------------------------------------- what there is


async def test_says_who_it_is(at: tuple[Ari, Watched], app: str) -> None:
    ari, _ = at
    await ari.ping()
    assert (await ari.info()).version.split(".")[0].isdigit()
    assert (await ari.application()).name == app
    assert (await ari.endpoint("PJSIP", "trunk")).state in ("online", "offline", "unknown")


async def test_the_app_exists_as_soon_as_the_link_is_up(asterisk: Any, app: str) -> None:
    async with Ari(asterisk.ari_url, asterisk.ari_username, asterisk.ari_password, app) as ari:
        with pytest.raises(NotFound):
            await ari.application()
        async with aclosing(link_of(asterisk, app).stream()) as stream:
            assert await anext(stream) == LinkUp(first=True)
            assert (await ari.application()).channel_ids == ()


async def test_a_wrong_password_is_told_as_such(asterisk: Any, app: str) -> None:
    async with Ari(asterisk.ari_url, asterisk.ari_username, "wrong", app) as ari:
        with pytest.raises(Unauthorized) as caught:
            await ari.ping()
        assert caught.value.status == 401


# ---------------------------------------------------------------- a call's life


async def test_a_channel_enters_with_arguments_variables_and_caller(at: tuple[Ari, Watched], app: str) -> None:
    ari, news = at
    made = await ari.originate(
        ECHO,
        channel_id=f"{app}-a",
        caller_id='"Zoë B" <+4930123>',
        timeout=4.5,
        variables={"VOICEAI_CALL": "q1", "CDR(ai_session)": "é x+y&z=1"},
        app_args=("outbound", "b c+d"),
    )
    assert made.id == f"{app}-a"
    assert made.technology == "Local"
    start = await news.until(events.StasisStart)
    assert start.args == ("outbound", "b c+d")
    assert (start.channel.id, start.channel.state, start.channel.exten) == (f"{app}-a", "Up", "6000")
    assert (start.channel.caller_number, start.channel.caller_name) == ("+4930123", "Zoë B")
    assert await ari.get_variable(made.id, "VOICEAI_CALL") == "q1"
    assert await ari.get_variable(made.id, "CDR(ai_session)") == "é x+y&z=1"
    assert await ari.get_variable(made.id, "NEVER_SET") is None
    await ari.set_variable(made.id, "NOTE", "a b+c%20&d=é\n2")
    assert await ari.get_variable(made.id, "NOTE") == "a b+c%20&d=é\n2"
    await ari.set_variable(made.id, "NOTE", "")
    assert await ari.get_variable(made.id, "NOTE") == ""
    assert (await ari.channel(f"{made.id};2")).technology == "Local"  # an id with a character that is quoted
    assert made.id in {each.id for each in await ari.channels()}
    await ari.hangup(made.id)
    end = await news.until(events.ChannelDestroyed, of(made.id))
    assert end.cause_txt
    kinds = [type(each) for each in news.seen]
    assert kinds.index(events.StasisEnd) < kinds.index(events.ChannelDestroyed, kinds.index(events.StasisEnd))


async def test_what_is_gone_is_said_to_be_gone(at: tuple[Ari, Watched], app: str) -> None:
    ari, news = at
    channel, bridge = f"{app}-a", f"{app}-bridge"
    await answered(ari, news, channel)
    await ari.create_bridge(bridge)
    await ari.hangup(channel, reason="busy")
    await news.until(events.ChannelDestroyed, of(channel))
    await ari.hangup(channel)
    for gone in (
        ari.answer(channel),
        ari.get_variable(channel, "X"),
        ari.add_channel(bridge, channel),
        ari.ring(channel),
    ):
        with pytest.raises(NotFound):
            await gone
    await ari.destroy_bridge(bridge)
    await ari.destroy_bridge(bridge)
    with pytest.raises(NotFound):
        await ari.add_channel(bridge, channel)
    with pytest.raises(NotFound):
        await ari.bridge(bridge)


async def test_two_channels_in_a_bridge(at: tuple[Ari, Watched], app: str) -> None:
    ari, news = at
    one, two, bridge = f"{app}-1", f"{app}-2", f"{app}-bridge"
    await answered(ari, news, one)
    await answered(ari, news, two)
    made = await ari.create_bridge(bridge, name="voiceai é")
    assert (made.id, made.bridge_type, made.name) == (bridge, "mixing", "voiceai é")
    await ari.add_channel(bridge, one, two)
    entered = {(await news.until(events.ChannelEnteredBridge)).channel for _ in range(2)}
    assert {each.id for each in entered if each is not None} == {one, two}
    assert set((await ari.bridge(bridge)).channels) == {one, two}
    assert (await ari.application()).bridge_ids == (bridge,)
    await ari.remove_channel(bridge, one)
    left = await news.until(events.ChannelLeftBridge)
    assert left.channel.id == one
    await ari.destroy_bridge(bridge)
    await ari.hangup(one)
    await ari.hangup(two)
    await news.until(events.ChannelDestroyed, of(two))


async def test_an_id_is_used_once(at: tuple[Ari, Watched], app: str) -> None:
    ari, news = at
    await answered(ari, news, f"{app}-a")
    with pytest.raises(Refused) as caught:
        await ari.originate(ECHO, channel_id=f"{app}-a")
    assert caught.value.status == 409
    await ari.hangup(f"{app}-a")


async def test_a_busy_callee_is_told_by_its_cause(at: tuple[Ari, Watched], app: str) -> None:
    ari, news = at
    await ari.create(BUSY, channel_id=f"{app}-a", variables={"VOICEAI_CALL": "q2"})
    start = await news.until(events.StasisStart)
    assert start.channel.state == "Down"
    assert await ari.get_variable(f"{app}-a", "VOICEAI_CALL") == "q2"
    await ari.dial(f"{app}-a", timeout=5)
    end = await news.until(events.ChannelDestroyed, of(f"{app}-a"))
    assert end.cause == 17


async def test_originate_into_the_dialplan(at: tuple[Ari, Watched], app: str) -> None:
    """The near half enters our app by the extension's Stasis(), not by the originate."""
    ari, _ = at
    made = await ari.originate(ECHO, channel_id=f"{app}-a", context="test-targets", extension="6001", priority=1)
    assert made.id == f"{app}-a"
    async with asyncio.timeout(5):
        while (await ari.channel(made.id)).app_name != "Wait":  # noqa: ASYNC110
            await asyncio.sleep(0.02)  # no event tells our app of a channel that is not in it
    await ari.hangup(made.id)


async def test_continue_in_the_dialplan_leaves_the_app(at: tuple[Ari, Watched], app: str) -> None:
    ari, news = at
    await answered(ari, news, f"{app}-a")
    await ari.continue_in_dialplan(f"{app}-a", context="test-targets", extension="6000", priority=1)
    await news.until(events.StasisEnd, of(f"{app}-a"))
    with pytest.raises(Refused) as caught:
        await ari.ring(f"{app}-a")
    assert caught.value.status == 409
    await ari.hangup(f"{app}-a")


async def test_controls_of_a_talking_channel(at: tuple[Ari, Watched], app: str) -> None:
    ari, news = at
    name = f"{app}-a"
    await answered(ari, news, name)
    await ari.send_dtmf(name, "5*", duration_ms=100)  # not "#": Echo() ends by it
    heard = [await news.until(events.ChannelDtmfReceived, of(f"{name};2")) for _ in range(2)]
    assert [each.digit for each in heard] == ["5", "*"]
    for does in (ari.hold, ari.unhold, ari.mute, ari.unmute, ari.start_moh, ari.stop_moh, ari.ring_stop):
        await does(name)
    await ari.mute(name, "in")
    await ari.unmute(name, "in")
    with pytest.raises(Refused):
        await ari.rtp_statistics(name)  # it has no RTP
    with pytest.raises(Refused) as caught:
        await ari.redirect(name, "PJSIP/sip:4919@127.0.0.1")
    assert "4919" not in str(caught.value)
    await ari.hangup(name)


async def test_playback_recording_and_snoop(at: tuple[Ari, Watched], app: str) -> None:
    ari, news = at
    name, bridge, recording = f"{app}-a", f"{app}-bridge", f"{app}-rec"
    await answered(ari, news, name)
    await ari.play(name, "tone:busy", playback_id=f"{app}-p")
    assert (await news.until(events.PlaybackStarted)).playback_id == f"{app}-p"
    await ari.control_playback(f"{app}-p", "pause")
    await ari.stop_playback(f"{app}-p")
    assert (await news.until(events.PlaybackFinished)).playback_id == f"{app}-p"
    await ari.stop_playback(f"{app}-p")
    await ari.create_bridge(bridge)
    await ari.add_channel(bridge, name)
    await ari.start_bridge_moh(bridge)
    await ari.stop_bridge_moh(bridge)
    await ari.play_on_bridge(bridge, "tone:busy", playback_id=f"{app}-q")
    await news.until(events.PlaybackStarted)
    await ari.stop_playback(f"{app}-q")
    await ari.record_bridge(bridge, name=recording, format="wav", max_duration=9.5)
    assert (await news.until(events.RecordingStarted)).recording.name == recording
    for does in (ari.pause_recording, ari.resume_recording, ari.mute_recording, ari.unmute_recording):
        await does(recording)
    assert (await ari.recording(recording)).state == "recording"
    await ari.stop_recording(recording)
    assert (await news.until(events.RecordingFinished)).recording.state == "done"
    await ari.delete_stored_recording(recording)
    await ari.delete_stored_recording(recording)
    await ari.discard_recording(recording)
    await ari.snoop(name, snoop_id=f"{app}-s", spy="both", app_args=("supervisor",))
    start = await news.until(events.StasisStart, of(f"{app}-s"))
    assert (start.args, start.channel.technology) == (("supervisor",), "Snoop")
    await ari.hangup(name)
    await news.until(events.StasisEnd, of(f"{app}-s"))  # and no ChannelDestroyed
    await ari.destroy_bridge(bridge)


async def test_recording_of_a_channel(at: tuple[Ari, Watched], app: str) -> None:
    ari, news = at
    await answered(ari, news, f"{app}-a")
    await ari.record(f"{app}-a", name=f"{app}-r", max_silence=5, if_exists="overwrite")
    await news.until(events.RecordingStarted)
    await ari.discard_recording(f"{app}-r")
    await ari.hangup(f"{app}-a")


async def test_external_media_says_its_uuid_first(at: tuple[Ari, Watched], app: str) -> None:
    ari, news = at
    call = str(uuid.uuid4())
    said: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said.set_result(await reader.readexactly(19))
        await reader.read()
        writer.close()

    server = await asyncio.start_server(peer, "127.0.0.1", 0)
    async with server:
        host_port = "{}:{}".format(*server.sockets[0].getsockname())
        media = f"call-{call}-media"
        made = await ari.external_media(
            channel_id=media, host_port=host_port, uuid=call, variables={"VOICEAI_CALL": call}
        )
        assert made.technology == "AudioSocket"
        assert await said == b"\x01\x00\x10" + uuid.UUID(call).bytes
        start = await news.until(events.StasisStart)
        assert (start.channel.id, start.args) == (media, (call,))
        assert await ari.get_variable(media, "VOICEAI_CALL") == call
        await ari.hangup(media)
        await news.until(events.ChannelDestroyed, of(media))


async def test_external_media_that_nobody_accepts(at: tuple[Ari, Watched], app: str) -> None:
    ari, _ = at
    with pytest.raises(Unavailable) as caught:
        await ari.external_media(channel_id=f"{app}-m", host_port="127.0.0.1:9", uuid=str(uuid.uuid4()))
    assert caught.value.status == 500
    with pytest.raises(NotFound):
        await ari.channel(f"{app}-m")


# ---------------------------------------------------------------- the link


async def test_a_second_owner_of_the_app_ends_the_first_for_good(asterisk: Any, app: str) -> None:
    first = Watched(link_of(asterisk, app))
    following = asyncio.create_task(first.follow())
    await first.until(LinkUp)
    async with aclosing(link_of(asterisk, app).stream()) as second:
        assert await anext(second) == LinkUp(first=True)
        assert await first.until(events.ApplicationReplaced) == events.ApplicationReplaced(app)
        await asyncio.wait_for(following, 10)
        assert first.over
        async with Ari(asterisk.ari_url, asterisk.ari_username, asterisk.ari_password, app) as ari:
            await ari.originate(ECHO, channel_id=f"{app}-a")
            async for what in second:
                if isinstance(what, events.StasisStart):
                    break
            await ari.hangup(f"{app}-a")


async def test_asterisk_is_killed_and_comes_back(own_asterisk: Any, app: str) -> None:
    async with watching(own_asterisk, app) as (ari, news):
        await answered(ari, news, f"{app}-a")
        await asyncio.to_thread(own_asterisk.kill)
        await news.until(LinkDown)
        with pytest.raises(Unavailable):
            await ari.ping()
        await asyncio.to_thread(own_asterisk.start_again)
        assert await news.until(LinkUp) == LinkUp(first=False)
        assert (await ari.application()).name == app
        assert await ari.channels() == []
        await answered(ari, news, f"{app}-b")
        await ari.hangup(f"{app}-b")
