"""The audit log on its way to the store: each line once, whoever writes."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select

from controller.api.audit import AuditEntry, AuditLog
from controller.store.database import Database
from controller.store.tables.api import audit
from tests.peers.stores import store_at

LINES = 5


async def test_what_is_written_at_the_end_is_not_written_twice(tmp_path: Path) -> None:
    """`drain` begins while `run` is in the middle of the same lines."""
    async with Database(store_at(tmp_path)) as database:
        audit_log = AuditLog(database, 30)
        running = asyncio.create_task(audit_log.run())
        await asyncio.sleep(0)
        for number in range(LINES):
            audit_log.note(AuditEntry(datetime.now(UTC), "ops", "hang_up_call", "c", {}, 200, str(number)))
        await asyncio.sleep(0)
        await audit_log.drain()
        assert not running.done()
        running.cancel()
        await asyncio.wait([running])
        async with database.reading() as store:
            rows = list((await store.execute(select(audit.c.request_id).order_by(audit.c.number))).scalars())
    assert rows == [str(number) for number in range(LINES)]
