"""A process that sends webhooks of calls; the test kills it in the middle.

`python -m tests.peers.webhook_process FOLDER URL ROUND`. ROUND names its calls; with `-` it
tells of none and only sends what is left, until nothing is.
"""

import asyncio
import sys
from pathlib import Path

from controller.events.webhooks import retry_policy
from tests.integration.webhook_harness import begin, end, events, eventually, hook, say, told_to

CALLS, WORDS = 5, 40


async def tell(folder: Path, url: str, round_: str) -> None:
    async with events(told_to({"crm": hook(url)}), folder) as made:
        if round_ == "-":

            async def nothing_left() -> bool:
                return await made.outbox.sizes() == (0, 0)

            await eventually(nothing_left, 60)
            return
        calls = [f"{round_}{number}" for number in range(CALLS)]
        for call in calls:
            begin(made, call)
        for _ in range(WORDS):
            await asyncio.sleep(0.01)
            for call in calls:
                say(made, call)
        for call in calls:
            end(made, call)
        await asyncio.Event().wait()


if __name__ == "__main__":
    retry_policy.WAITS = (0.02, 0.05)
    asyncio.run(tell(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
