"""A websocket to exactly the address that is configured.

Owns that redirects are not followed. Nobody whom we connect to needs one, the library follows one to any host, and a
`Location` that is no URL comes out of it as an exception of no documented kind.
"""

from websockets.asyncio.client import connect


class Upgrade(connect):
    """The library's `connect`. An answer with a redirect is an `InvalidStatus` as any other refusal."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """The library's hook."""
        return exc
