"""The ARI client against a real Asterisk: every operation takes effect, and the link tells what happened."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any, TypeVar

import pytest
import pytest_asyncio

from controller.ari import events
from controller.ari.link import Link, LinkDown, LinkUp
from controller.ari.resources import Channel
from controller.ari.rest import Ari, NotFound, Refused, Unauthorized, Unavailable
from controller.ari.websocket_transport import WebSocketTransport

pytestmark = pytest.mark.timeout(120)

ECHO = "Local/6000@test-targets/n"

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


def link_of(asterisk: Any, app: str, password: str | None = None, requests: WebSocketTransport | None = None) -> Link:
    at = (asterisk.ari_url, asterisk.ari_username, password or asterisk.ari_password, app)
    return Link(*at, requests=requests)


@asynccontextmanager
async def watching(asterisk: Any, app: str, way: str = "http") -> AsyncIterator[tuple[Ari, Watched]]:
    """A client and a link that is up, for an app of its own. `way`: of requests for single channels and bridges."""
    async with Ari(asterisk.ari_url, asterisk.ari_username, asterisk.ari_password, app) as ari:
        watched = Watched(link_of(asterisk, app, requests=ari.websocket if way == "websocket" else None))
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


@pytest_asyncio.fixture(loop_scope="session", params=["http", "websocket"])
async def at(asterisk: Any, app: str, request: pytest.FixtureRequest) -> AsyncIterator[tuple[Ari, Watched]]:
    async with watching(asterisk, app, request.param) as pair:
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


async def test_a_channel_enters_with_variables_and_caller(at: tuple[Ari, Watched], app: str) -> None:
    ari, news = at
    made = await ari.originate(
        ECHO,
        channel_id=f"{app}-a",
        caller_id='"Zoë B" <+4930123>',
        timeout=4.5,
        variables={"VOICEAI_CALL": "q1", "CDR(ai_session)": "é x+y&z=1"},
    )
    assert made.id == f"{app}-a"
    assert made.name.startswith("Local/")
    start = await news.until(events.StasisStart)
    assert (start.channel.id, start.channel.state, start.channel.exten) == (f"{app}-a", "Up", "6000")
    assert (start.channel.caller_number, start.channel.caller_name) == ("+4930123", "Zoë B")
    assert await ari.get_variable(made.id, "VOICEAI_CALL") == "q1"
    assert await ari.get_variable(made.id, "CDR(ai_session)") == "é x+y&z=1"
    assert await ari.get_variable(made.id, "NEVER_SET") is None
    await ari.set_variable(made.id, "NOTE", "a b+c%20&d=é\n2")
    assert await ari.get_variable(made.id, "NOTE") == "a b+c%20&d=é\n2"
    await ari.set_variable(made.id, "NOTE", "")
    assert await ari.get_variable(made.id, "NOTE") == ""
    odd = {"A": 'x,"y" (z', "CDR(ai_session)": "[1|2] \\, é", "B": "", "VOICEAI_CALL": " ${A}) "}
    assert await ari.evaluate(made.id, "${VOICEAI_CALL}") == ["q1"]
    await ari.set_variables(made.id, odd)
    assert {name: await ari.get_variable(made.id, name) for name in odd} == odd
    asked = "${A}", "${MISSING}", "${NO_SUCH_FUNCTION()}", "${CDR(ai_session)}", "${VOICEAI_CALL}"
    assert await ari.evaluate(made.id, *asked) == [odd["A"], "", "", odd["CDR(ai_session)"], odd["VOICEAI_CALL"]]
    assert (await ari.channel(f"{made.id};2")).name.startswith("Local/")  # an id with a character that is quoted
    assert made.id in {each.id for each in await ari.channels()}
    await ari.hangup(made.id)
    end = await news.until(events.ChannelDestroyed, of(made.id))
    assert end.cause
    kinds = [type(each) for each in news.seen]
    assert kinds.index(events.StasisEnd) < kinds.index(events.ChannelDestroyed, kinds.index(events.StasisEnd))


@pytest.mark.parametrize("missing", ["func_strings", "func_uri"])
async def test_without_the_functions_variables_are_set_one_by_one(
    asterisk: Any, at: tuple[Ari, Watched], app: str, missing: str
) -> None:
    ari, news = at
    channel = await answered(ari, news, f"{app}-a")
    asterisk.rx(f"module unload {missing}.so")
    try:
        assert await ari.evaluate(channel.id, "${CHANNEL(state)}") is None
        await ari.set_variables(channel.id, {"A": "1,2", "B": "3"})
        assert [await ari.get_variable(channel.id, name) for name in "AB"] == ["1,2", "3"]
    finally:
        asterisk.rx(f"module load {missing}.so")
    assert await ari.evaluate(channel.id, "${CHANNEL(state)}") == ["Up"]
    await ari.hangup(channel.id)


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
    assert (made.id, made.name) == (bridge, "voiceai é")
    await ari.add_channel(bridge, one, two)
    assert set((await ari.bridge(bridge)).channels) == {one, two}
    await ari.remove_channel(bridge, one)
    await news.until(events.Other, lambda event: event.type == "ChannelLeftBridge")
    assert (await ari.bridge(bridge)).channels == (two,)
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
    await ari.send_dtmf(name, "5*")  # not "#": Echo() ends by it
    for _ in "5*":
        await news.until(events.Other, lambda event: event.type == "ChannelDtmfReceived")
    await ari.start_moh(name)
    await ari.stop_moh(name)
    with pytest.raises(Refused):
        await ari.rtp_statistics(name)  # it has no RTP
    await ari.hangup(name)


async def test_playback_and_snoop(at: tuple[Ari, Watched], app: str) -> None:
    ari, news = at
    name = f"{app}-a"
    await answered(ari, news, name)
    await ari.play(name, "tone:busy", playback_id=f"{app}-p")
    await news.until(events.Other, lambda event: event.type == "PlaybackStarted")
    await ari.stop_playback(f"{app}-p")
    assert (await news.until(events.PlaybackFinished)).playback_id == f"{app}-p"
    await ari.stop_playback(f"{app}-p")
    await ari.snoop(name, snoop_id=f"{app}-s", spy="both")
    start = await news.until(events.StasisStart, of(f"{app}-s"))
    assert start.channel.name.startswith("Snoop/")
    await ari.hangup(name)
    await news.until(events.StasisEnd, of(f"{app}-s"))  # and no ChannelDestroyed


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
        assert made.name.startswith("AudioSocket/")
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
