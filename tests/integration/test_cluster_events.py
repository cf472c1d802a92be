"""`/v1/events` of several nodes with a real Valkey: one order, read on at another node, and what is told meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from time import monotonic

import pytest
from structlog.testing import capture_logs

from controller.api.resources import events as streams
from controller.api.resources.events import EventResources
from controller.cluster.event_log import Opened, Place
from controller.cluster.valkey_event_log import ValkeyEventLog
from controller.config import cluster_url
from controller.events import cluster_stream, event_publisher
from controller.events.cluster_stream import ClusterStream
from controller.events.factory import SentEvent
from controller.events.stream import EventFilter
from tests.integration import webhook_harness
from tests.integration.api_harness import harness
from tests.integration.test_events_stream import WITHOUT_WORDS, Served, Stream, Told
from tests.integration.webhook_harness import begin, end, eventually, say, told_to
from tests.peers.valkey import Server, WithSentinel

KEPT = 400


@asynccontextmanager
async def nodes(url: str, folder: Path, count: int = 2, most: int = KEPT) -> AsyncIterator[list[Served]]:
    async with AsyncExitStack() as stack:
        found = []
        for number in range(count):
            home = folder / str(number)
            home.mkdir(exist_ok=True)
            event_log = ValkeyEventLog(cluster_url.parse(url), "test", most=most)
            events = await stack.enter_async_context(webhook_harness.events(told_to({}), home, event_log=event_log))
            more = lambda calls, orders, it=events: EventResources(it, calls, orders).operations()  # noqa: E731
            served = Served(await stack.enter_async_context(harness(more=more)), events)
            stack.callback(served.events.stream.close)
            stack.callback(hub(served).close)
            found.append(served)
        yield found


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (cluster_stream, event_publisher):
        monkeypatch.setattr(module, "ASK_S", 0.5)
    monkeypatch.setattr(cluster_stream, "WAIT_S", 0.3)


@pytest.fixture(scope="module")
def module_server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture
def server(module_server: Server) -> Server:
    module_server.command("FLUSHALL")
    return module_server


def whole_call(node: Served, call: str, words: int = 2) -> None:
    begin(node.events, call)
    say(node.events, call, times=words)
    end(node.events, call)


def hub(node: Served) -> ClusterStream:
    assert isinstance(node.events.cluster, ClusterStream)
    return node.events.cluster


def numbers(told: list[Told]) -> dict[str, list[int]]:
    """Of each call, in the order in which they came."""
    found: dict[str, list[int]] = {}
    for each in told:
        found.setdefault(each.data["data"]["call"], []).append(each.data["data"]["number"])
    return found


async def take(stream: Stream, count: int) -> list[Told]:
    """So many events, without gaps: publishing and reading go on one after the other, and both tell one."""
    found: list[Told] = []
    while len(found) < count:
        found += [each for each in await stream.take(1) if each.event != "gap"]
    return found


async def reads(node: Served, readers: int = 1) -> None:
    """Until these readers are told what comes."""
    await eventually(lambda: len(hub(node)._live) == readers and hub(node)._position is not None)


async def test_all_nodes_tell_the_events_of_all_in_the_same_order(server: Server, tmp_path: Path) -> None:
    async with nodes(server.url, tmp_path, 3) as three:
        async with AsyncExitStack() as stack:
            streams = [await stack.enter_async_context(each.stream()) for each in three]
            some = await stack.enter_async_context(three[2].stream("/v1/events?type=call.ended"))
            for each, readers in zip(three, (1, 1, 2), strict=True):
                await reads(each, readers)
            for number in range(5):
                for which, each in enumerate(three):
                    whole_call(each, f"{which}-{number}")
            told = [await each.take(60) for each in streams]
            assert {each.event for each in await some.take(15)} == {"call.ended"}
        ids = [[each.id for each in of_one] for of_one in told]
        assert ids[0] == ids[1] == ids[2]
        assert len(set(ids[0])) == 60
        assert set(map(tuple, numbers(told[0]).values())) == {(1, 2, 3, 4)}
        assert all(each.id != each.data["id"] for each in told[0])
        assert len({each.data["id"] for each in told[0]}) == 60


async def test_a_reader_goes_on_at_another_node_without_loss_or_doubles(server: Server, tmp_path: Path) -> None:
    """Again and again, while events come from both."""
    async with nodes(server.url, tmp_path, most=100_000) as two:

        async def calls() -> None:
            for number in range(60):
                whole_call(two[number % 2], f"c{number}", words=8)
                await asyncio.sleep(0.01)

        async with two[0].stream() as stream:
            await reads(two[0])
            happening = asyncio.create_task(calls())
            got = await stream.take(7)
        turn = 1
        while len(got) < 600:
            async with two[turn % 2].stream(last_id=got[-1].id) as stream:
                got += await stream.take(min(97, 600 - len(got)))
            turn += 1
        await happening
        assert "gap" not in {each.event for each in got}
        assert numbers(got) == {f"c{number}": list(range(1, 11)) for number in range(60)}
        async with two[0].stream(last_id=got[0].id) as again:
            assert [each.id for each in await again.take(599)] == [each.id for each in got[1:]]


async def test_words_only_for_those_who_may_have_them(server: Server, tmp_path: Path) -> None:
    async with nodes(server.url, tmp_path) as (first, second):
        async with second.harness.request("GET", "/v1/events", WITHOUT_WORDS) as response:
            await reads(second)
            whole_call(first, "a", words=1)
            told = await Stream(response).take(3)
        assert [each.data["data"].get("text", "-") for each in told] == ["-", None, "-"]
        async with second.stream(last_id="none") as stream:
            assert (await stream.take(3))[2].data["data"]["text"] == "hello"


@pytest.mark.parametrize("asked", ["nonsense", "65000000000-1", "0123456789abcdef-17-0", "9" * 400])
async def test_a_place_that_is_not_kept_is_told_as_a_gap(server: Server, tmp_path: Path, asked: str) -> None:
    async with nodes(server.url, tmp_path) as (first, second):
        async with second.stream(last_id=asked) as stream:
            gap = await stream.next()
            assert gap is not None
            assert (gap.event, gap.id, gap.data["oldest"]) == ("gap", None, None)
            whole_call(first, "a")
            told = await stream.take(4)
        async with second.stream(last_id=asked) as stream:
            gap = await stream.next()
            assert gap is not None
            assert gap.data["oldest"] == told[0].id
            assert [each.id for each in await stream.take(4)] == [each.id for each in told]


async def test_who_wants_few_types_has_a_place_of_late_all_the_same(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT_SECONDS", 0.1)
    async with nodes(server.url, tmp_path) as (first, second):
        async with second.stream("/v1/events?type=call.recorded") as stream:
            await reads(second)
            whole_call(first, "a")
            async with asyncio.timeout(10):
                while not (line := await stream.response.content.readline()).startswith(b"id: "):
                    assert line
        async with first.stream(last_id=line.decode().removeprefix("id: ").strip()) as again:
            whole_call(first, "b", words=1)
            told = [await again.next()]
            while told[-1] is not None and told[-1].data["data"]["call"] != "b":
                told.append(await again.next())
        assert "gap" not in [each.event for each in told if each is not None]


async def test_what_was_pushed_out_is_a_gap(server: Server, tmp_path: Path) -> None:
    async with nodes(server.url, tmp_path, most=100) as (first, second):
        async with second.stream() as stream:
            await reads(second)
            whole_call(first, "a", words=1)
            early = await stream.next()
            assert early is not None
            whole_call(first, "b", words=400)
            while (told := await stream.next()) and told.data["data"]["number"] != 402:
                pass
        async with second.stream(last_id=early.id) as stream:
            gap, oldest = await stream.take(2)
            assert (gap.event, gap.data["asked"], gap.data["oldest"]) == ("gap", early.id, oldest.id)
            rest = await stream.take(402 - oldest.data["data"]["number"])
            assert rest[-1].event == "call.ended"


@pytest.mark.parametrize("fault", ["killed", "frozen"])
async def test_while_it_is_away_each_node_tells_its_own(fault: str, tmp_path: Path) -> None:
    with Server() as server:
        async with nodes(server.url, tmp_path) as (first, second):
            async with first.stream() as ours, second.stream() as theirs:
                await reads(first)
                await reads(second)
                whole_call(first, "before", words=1)
                before = await ours.take(3)
                assert [each.id for each in await theirs.take(3)] == [each.id for each in before]
                with capture_logs() as lines:
                    (server.kill if fault == "killed" else server.freeze)()
                    whole_call(first, "meanwhile")
                    direct = await ours.take(4)
                    assert numbers(direct) == {"meanwhile": [1, 2, 3, 4]}
                    assert {each.id for each in direct} == {None}, "so the reader keeps its place"
                    async with first.stream(last_id=before[-1].id) as late:
                        gap = await late.next()
                        assert gap is not None
                        assert (gap.event, gap.data) == ("gap", {"asked": before[-1].id, "oldest": None})
                    (server.start if fault == "killed" else server.thaw)()
                    gap, told = await ours.next(), await theirs.next()
                    assert gap is not None
                    assert told is not None
                    assert (gap.event, told.event) == ("gap", "gap")
                    late_told = await take(theirs, 4)
                    assert numbers(late_told) == {"meanwhile": [1, 2, 3, 4]}, "published when it was back"
                    whole_call(second, "after", words=1)
                    assert numbers(await take(theirs, 3)) == numbers(await take(ours, 3)) == {"after": [1, 2, 3]}
                told_in_log = [each["event"] for each in lines if each["log_level"] in ("warning", "info")]
                assert sum("is away" in each for each in told_in_log) == 2
                assert sum("answers again" in each for each in told_in_log) == 2
            async with second.stream(last_id=before[-1].id) as stream:
                told = await stream.next()
                assert told is not None
                assert told.event == ("gap" if fault == "killed" else "call.started")


async def test_one_that_is_emptied_is_a_gap_also_for_those_who_come_back(server: Server, tmp_path: Path) -> None:
    async with nodes(server.url, tmp_path) as (first, second):
        async with second.stream() as stream:
            await reads(second)
            whole_call(first, "a", words=1)
            told = await stream.take(3)
            server.command("FLUSHALL")
            whole_call(first, "b", words=1)
            gap, *rest = await stream.take(4)
            assert (gap.event, gap.data["asked"]) == ("gap", told[-1].id)
            assert numbers(rest) == {"b": [1, 2, 3]}
        async with first.stream(last_id=told[-1].id) as stream:
            gap, *again = await stream.take(4)
            assert gap.event == "gap"
            assert [each.id for each in again] == [each.id for each in rest]
        async with first.stream(last_id=rest[0].id) as stream:
            assert [each.id for each in await stream.take(2)] == [each.id for each in rest[1:]]


async def test_who_comes_before_the_stream_was_found_is_told_a_gap(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_stream, "OPEN_S", 0.05)
    async with nodes(server.url, tmp_path) as (first, second):
        event_log, found = hub(second)._log, asyncio.Event()
        find = event_log.open

        async def late() -> Opened:
            await found.wait()
            return await find()

        monkeypatch.setattr(event_log, "open", late)
        async with second.stream() as stream:
            whole_call(first, "a")
            await eventually(lambda: server.command("XLEN", "{test}:events") == ":5")
            found.set()
            gap = await stream.next()
            assert gap is not None
            assert gap.event == "gap"
            whole_call(first, "b", words=1)
            assert numbers(await stream.take(3)) == {"b": [1, 2, 3]}


async def test_a_clock_that_is_set_back_hides_nothing(server: Server, tmp_path: Path) -> None:
    """That of another server, which has taken the place of the former one with nothing in it."""
    async with nodes(server.url, tmp_path) as (first, second):
        async with second.stream() as stream:
            await reads(second)
            whole_call(first, "a", words=1)
            told = await stream.take(3)
            place = Place.parse(str(told[-1].id))
            assert place is not None
            server.command("XADD", "{test}:events", f"{10 * place.offset.ms}-0", "stream", place.stream)
            whole_call(first, "b", words=1)
            gap, *rest = await stream.take(4)
            assert (gap.event, numbers(rest)) == ("gap", {"b": [1, 2, 3]})
            server.command("FLUSHALL")
            whole_call(first, "c", words=1)
            gap, *rest = await stream.take(4)
            assert (gap.event, numbers(rest)) == ("gap", {"c": [1, 2, 3]})
        async with first.stream(last_id=rest[0].id) as again:
            assert [each.id for each in await again.take(2)] == [each.id for each in rest[1:]]


async def test_while_it_refuses_to_write_own_events_are_told_and_none_twice(server: Server, tmp_path: Path) -> None:
    async with nodes(server.url, tmp_path) as (first, second), first.stream() as ours, second.stream() as theirs:
        await reads(first)
        await reads(second)
        server.command("CONFIG", "SET", "min-replicas-to-write", "1")
        whole_call(first, "meanwhile", words=1)
        direct = await ours.take(3)
        assert ({each.id for each in direct}, numbers(direct)) == ({None}, {"meanwhile": [1, 2, 3]})
        server.command("CONFIG", "SET", "min-replicas-to-write", "0")
        gap = await ours.next()
        assert gap is not None
        assert gap.event == "gap"
        whole_call(first, "after", words=1)
        assert numbers(await ours.take(3)) == {"after": [1, 2, 3]}
        assert numbers(await theirs.take(6)) == {"meanwhile": [1, 2, 3], "after": [1, 2, 3]}


async def test_after_a_failover_readers_go_on_at_the_new_primary(tmp_path: Path) -> None:
    with WithSentinel() as servers:
        async with nodes(servers.url, tmp_path) as (first, second):
            async with second.stream() as stream:
                await reads(second)
                whole_call(first, "a", words=1)
                told = await stream.take(3)
                servers.primary.freeze()
                whole_call(first, "b", words=1)
                began = monotonic()
                gap = await stream.next()
                assert gap is not None
                assert gap.event == "gap"
                after = await take(stream, 3)
                while after[-1].data["data"]["call"] != "b" or after[-1].event != "call.ended":
                    after += await take(stream, 1)  # "a" again, if its publishing had not been answered
                assert numbers(after)["b"] == [1, 2, 3]
                assert monotonic() - began < 12
            async with first.stream(last_id=told[0].id) as stream:
                gap = await stream.next()
                assert gap is not None
                assert gap.event == "gap"
            servers.primary.thaw()


async def test_what_can_not_be_published_is_bounded_and_the_hole_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_publisher, "MOST_WAITING", 20)
    with Server() as server:
        async with nodes(server.url, tmp_path) as (first, second), second.stream() as stream:
            await reads(second)
            server.freeze()
            whole_call(first, "a", words=100)
            await eventually(lambda: len(hub(first)._publisher._waiting) == 20)
            with capture_logs() as lines:
                server.thaw()
                found: list[Told] = []
                while not found or found[-1].event != "call.ended":
                    found += await stream.take(1)
            assert [each.event for each in found if each.event == "gap"]
            kept = numbers([each for each in found if each.event != "gap"])["a"]
            assert kept[-20:] == list(range(83, 103))
            assert len(set(kept)) == len(kept)
            dropped = [each["events"] for each in lines if "were not told all" in each["event"]]
            assert dropped == [82], "the first try may have been taken after all: then they come, and once"


async def test_a_burst_is_told_whole_and_in_few_questions(server: Server, tmp_path: Path) -> None:
    """A thousand events a second for half a second; ten readers of one node cost one reading."""
    async with nodes(server.url, tmp_path) as (first, second):
        async with AsyncExitStack() as stack:
            streams = [await stack.enter_async_context(second.stream()) for _ in range(10)]
            await reads(second, 10)
            before = asked(server)
            for number in range(10):
                whole_call(first, f"c{number}", words=48)
                await asyncio.sleep(0.05)
            everything = await asyncio.gather(*(each.take(500) for each in streams))
            assert asked(server) - before < 90
        for told in everything:
            assert numbers(told) == {f"c{number}": list(range(1, 51)) for number in range(10)}


def asked(server: Server) -> int:
    return sum(
        int(line.partition("calls=")[2].partition(",")[0])
        for line in server.command("INFO", "commandstats").splitlines()
        if line.startswith(("cmdstat_evalsha", "cmdstat_xread"))
    )


async def test_who_reads_too_slowly_is_let_go_and_comes_back(server: Server, tmp_path: Path) -> None:
    async with nodes(server.url, tmp_path, most=100_000) as (first, second):
        async with hub(second).subscribe(EventFilter(), None) as slow:
            whole_call(first, "a", words=1)
            (started, *_) = await slow.read(20)
            assert isinstance(started, SentEvent)
            for number in range(3):
                whole_call(first, f"c{number}", words=400)
            await eventually(lambda: slow.overflowed)
        async with second.stream(last_id=started.id) as stream:
            told = await stream.take(2 + 3 * 402)
        assert numbers(told)["c2"] == list(range(1, 403))


async def test_calls_of_a_caller_who_is_forgotten_are_erased(server: Server, tmp_path: Path) -> None:
    async with nodes(server.url, tmp_path, most=100_000) as (first, second):
        async with second.stream() as stream:
            await reads(second)
            for call in ("keep", "forget", "also"):
                whole_call(first, call, words=300)
            everything = await stream.take(906)
        await hub(second).erase(["forget", "also"])
        assert "forget" not in server.command("XRANGE", "{test}:events", "-", "+")
        async with first.stream(last_id=everything[0].id) as stream:
            assert numbers(await stream.take(301)) == {"keep": list(range(2, 303))}


async def test_nothing_is_kept_for_longer_than_an_hour(server: Server, tmp_path: Path) -> None:
    async with nodes(server.url, tmp_path) as (first, _):
        whole_call(first, "a")
        await eventually(lambda: server.command("XLEN", "{test}:events") == ":5")
        for key in ("{test}:events", f"{{test}}:events:order:{first.events._factory.epoch}"):
            assert 3_500_000 < int(server.command("PTTL", key).removeprefix(":")) <= 3_600_000
        server.command("DEL", "{test}:events")
        server.command("XADD", "{test}:events", "1000-1", "stream", "0123456789")  # of 1970
        whole_call(first, "b")
        await eventually(lambda: server.command("XLEN", "{test}:events") == ":4")
