"""The API of resources with versions on a real socket, over a real store."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from controller.api.resources.versions import configuration_operations
from controller.calls.tools.http import HttpTools
from controller.config import ConfigFile, parse_file
from controller.store.database import Database
from controller.versions.publisher import Publisher
from controller.versions.repository import VersionStore
from tests.integration.api_harness import ADMIN, Harness, harness
from tests.peers.stores import store_at
from tests.unit.controller.configs import ENV, FULL, with_

CRM = {
    "description": "Looks up a customer.",
    "url": "https://crm.example/{id}",
    "headers": {"Authorization": "Bearer ${CRM_TOKEN}"},
    "parameters": {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]},
}
STORED: dict[str, Any] = with_(
    FULL,
    resources={"source": "store", "secrets": ["CRM_*"]},
    http_tools={"crm": CRM},
    agents__reception={"instructions": "Be kind.", "tools": ["crm", "hang_up"]},
    trunks__main__max_calls=5,
)
SECRETS: dict[str, str] = ENV | {"CRM_TOKEN": "crm-Hunter2-secret"}


def file_of(data: Mapping[str, Any] = STORED, env: Mapping[str, str] = SECRETS) -> ConfigFile:
    return parse_file(yaml.safe_dump(data, sort_keys=False), env)


@dataclass
class Desk:
    """An editor's place. `ask` gives status, headers and JSON."""

    it: Harness
    publisher: Publisher
    token: str = ADMIN
    database: Database | None = None

    async def ask(
        self, method: str, path: str, body: Any = None, *, etag: str | None = None, new: bool = False
    ) -> tuple[int, Mapping[str, str], Any]:
        headers = {"Authorization": f"Bearer {self.token}"}
        headers |= {"If-Match": etag} if etag is not None else {"If-None-Match": "*"} if new else {}
        url = f"http://127.0.0.1:{self.it.port}{path}"
        async with self.it.http.request(method, url, json=body, headers=headers) as answer:
            text = await answer.text()
            told = await answer.json(content_type=None) if "json" in answer.content_type else text
            return answer.status, answer.headers, told

    async def etag(self, path: str) -> str:
        return (await self.ask("GET", path))[1]["ETag"]

    async def change(self, path: str, content: Any, comment: str = "") -> tuple[int, Any]:
        """Draft and publication. Returns the status and body of the latter."""
        status, headers, told = await self.ask("PUT", f"{path}/draft", {"content": content}, etag="*")
        if status != 200:
            return status, told
        status, _, told = await self.ask("POST", f"{path}/publish", {"comment": comment}, etag=headers["ETag"])
        return status, told


@asynccontextmanager
async def desk(folder: Path, data: Mapping[str, Any] = STORED, env: Mapping[str, str] = SECRETS) -> AsyncIterator[Desk]:
    async with Database(store_at(folder)) as database:
        publisher = Publisher(file_of(data, env), VersionStore(database), shared=database.shared)
        await publisher.start()
        operations = configuration_operations(publisher.current, publisher, HttpTools().run)
        async with harness(more=lambda _, __: operations, store=True) as it:
            yield Desk(it, publisher)
