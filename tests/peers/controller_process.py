"""A controller in a process of its own, for tests that kill or freeze it: gives a worker one call.

    python -m tests.peers.controller_process CALL MEDIA

Prints the URL of its link, then `media` once the worker has Asterisk's connection for the call, which is then greeted.
"""

import asyncio
import sys

from bridge import contract
from tests.peers.controller import ControllerPeer


def told(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def serve(call: str, media: str) -> None:
    async with ControllerPeer(welcome=contract.Welcome(node="other")) as controller:
        told(controller.url)
        await controller.connected.wait()
        provider = contract.Provider(api_key="sk-test")
        spec = contract.SessionSpec(agent="a", provider=provider, instructions="Be kind.")
        await controller.say(contract.Prepare(call=call, spec=spec))
        await controller.say(contract.ExpectMedia(call=call, media=media, seconds=30))
        await controller.event(contract.MediaConnected, call)
        await controller.say(contract.Greet(call=call))
        told("media")
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:]))
