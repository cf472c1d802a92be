"""The table of nodes: each start is counted, and others see who is there."""

from pathlib import Path

from controller.cluster.node import NodeId
from controller.cluster.nodes import NodeRegistry
from controller.store.database import Database
from tests.peers.stores import store_at


async def test_each_start_of_a_name_is_counted_and_others_are_not_touched(tmp_path: Path) -> None:
    for times in (1, 2):
        async with Database(store_at(tmp_path)) as database:
            nodes = NodeRegistry(database)
            assert await nodes.join("berlin", f"1.{times}", "127.0.0.1:8080") == NodeId("berlin", times)
            if times == 1:
                assert await nodes.join("paris", "1.0", "10.0.0.2:8080") == NodeId("paris", 1)
    async with Database(store_at(tmp_path)) as database:
        nodes = NodeRegistry(database)
        berlin, paris = await nodes.all()
        assert (berlin.id, berlin.version, berlin.stopped) == (NodeId("berlin", 2), "1.2", False)
        assert (paris.id, paris.url, paris.stopped) == (NodeId("paris", 1), "10.0.0.2:8080", False)
        assert 0 <= berlin.silent_s <= paris.silent_s < 60


async def test_each_store_has_an_id_which_all_its_nodes_read(tmp_path: Path) -> None:
    found = []
    for folder, name in (("one", "berlin"), ("one", "paris"), ("other", "berlin")):
        (tmp_path / folder).mkdir(exist_ok=True)
        async with Database(f"sqlite+aiosqlite:///{tmp_path / folder / 'store'}") as database:
            assert database.installation == ""
            await NodeRegistry(database).join(name, "1", "")
            found.append(database.installation)
    assert found[0] == found[1] != found[2]
    assert all(len(each) == 36 for each in found)


async def test_an_earlier_start_says_nothing_for_the_later_one(tmp_path: Path) -> None:
    async with Database(store_at(tmp_path)) as database:
        nodes = NodeRegistry(database)
        before = await nodes.join("berlin", "1", "")
        us = await nodes.join("berlin", "1", "")
        await nodes.leave(before)
        assert [each.stopped for each in await nodes.all()] == [False]
        await nodes.leave(us)
        assert [each.stopped for each in await nodes.all()] == [True]
        await nodes.beat(us)
        assert [each.stopped for each in await nodes.all()] == [False]
