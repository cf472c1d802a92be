"""A call's media leg: Asterisk connects to the worker that holds the session.

Owns the media id (the AudioSocket UUID), which is the password of that one connection: random, and known only to the
worker and to Asterisk.
"""

from uuid import uuid4

from bridge import contract
from controller.ari.rest import Ari
from controller.workers.pool import WorkerPool
from controller.workers.worker import NoWorker

EXPECTED = 10.0  # seconds in which Asterisk must have connected: it does so at once, or within 2 s per address


async def open_media(ari: Ari, workers: WorkerPool, call: str, channel: str) -> None:
    """Raises NoWorker, WorkerUnreachable and AriError."""
    worker = workers.of(call)
    if worker is None:
        raise NoWorker("the worker of this call is gone")
    media = str(uuid4())
    await workers.send(call, contract.ExpectMedia(call=call, media=media, seconds=EXPECTED))
    await ari.external_media(
        channel_id=channel, host_port=worker.media_address, uuid=media, variables={"VOICEAI_CALL": call}
    )
