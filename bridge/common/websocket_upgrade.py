"""A websocket client that follows no redirects.

The library would follow a redirect to any host, and raises undocumented exceptions for a `Location` that is no URL.
"""

from websockets.asyncio.client import connect


class Upgrade(connect):
    """websockets' `connect`. A redirect raises `InvalidStatus`, as every other refusal does."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """Called by websockets."""
        return exc
