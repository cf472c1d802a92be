"""Operations of the API: softphone. Made from the OpenAPI document (`make reference`)."""

from collections.abc import Mapping
from typing import Literal

from voiceai_client.async_http import AsyncHttp
from voiceai_client.models.common import CallAnswer
from voiceai_client.models.softphone import SoftphoneAnswer, TransferOffer
from voiceai_client.requests import Request, given, path_of


class AsyncSoftphoneOperations:
    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    async def open_talk(
        self, *, agent: str, version: int | Literal["draft"] | None = None, variables: Mapping[str, str] | None = None
    ) -> SoftphoneAnswer:
        """Create SIP credentials for a call to an agent. Scope: call. Problems: at-limit, not-ready, unknown-name,
        invalid-config, unknown-resource.

        agent: A name from `agents` in the config.
        version: `draft`, or the number of a version (`GET /v1/resources/agents/{name}/versions`). null: the
            published version.
        variables: Values for `{{name}}` in the agent's texts.
        """
        sent = given({"agent": agent, "version": version, "variables": variables})
        return await self._http.ask(SoftphoneAnswer, Request("POST", "/v1/softphone/talks", body=sent))

    async def open_supervisor_phone(self, *, call: str | None = None) -> SoftphoneAnswer:
        """Create SIP credentials for a supervisor. Scope: supervise. Problems: at-limit, not-ready.

        call: The id of the live call. Required if another node has the call, because the session is opened there.
        """
        sent = given({"call": call})
        return await self._http.ask(SoftphoneAnswer, Request("POST", "/v1/softphone/supervisors", body=sent))

    async def supervise_here(
        self,
        id: str,
        *,
        call: str,
        mode: Literal["listen", "whisper", "take_over"] | None = None,
        idempotency_key: str | None = None,
    ) -> CallAnswer:
        """Supervise a call, or change the mode. Scope: supervise. Problems: unknown-softphone.

        call: The id of a live call.
        mode: As in `POST /v1/calls/{id}/supervise`. Default: `"listen"`.
        """
        url = path_of("/v1/softphone/supervisors/{id}/supervise", id=id)
        sent = given({"call": call, "mode": mode})
        return await self._http.ask(CallAnswer, Request("POST", url, body=sent, idempotency_key=idempotency_key))

    async def open_available_phone(self) -> SoftphoneAnswer:
        """Create SIP credentials for transfers. Scope: supervise. Problems: at-limit, not-ready."""
        return await self._http.ask(SoftphoneAnswer, Request("POST", "/v1/softphone/available", body={}))

    async def read_available_phone(self, id: str) -> TransferOffer:
        """Get the call that is transferred. Scope: supervise. Problems: unknown-softphone."""
        url = path_of("/v1/softphone/available/{id}", id=id)
        return await self._http.ask(TransferOffer, Request("GET", url))

    async def close_available_phone(self, id: str) -> None:
        """End the session. Scope: supervise."""
        url = path_of("/v1/softphone/available/{id}", id=id)
        await self._http.send(Request("DELETE", url))

    async def decide_transfer_here(self, id: str, *, accept: bool, idempotency_key: str | None = None) -> TransferOffer:
        """Accept or reject the call. Scope: supervise. Problems: unknown-softphone."""
        url = path_of("/v1/softphone/available/{id}/decision", id=id)
        sent = given({"accept": accept})
        return await self._http.ask(TransferOffer, Request("POST", url, body=sent, idempotency_key=idempotency_key))

    async def close_talk(self, id: str) -> None:
        """End the session. Scope: call."""
        url = path_of("/v1/softphone/talks/{id}", id=id)
        await self._http.send(Request("DELETE", url))

    async def close_supervisor_phone(self, id: str) -> None:
        """End the session. Scope: supervise."""
        url = path_of("/v1/softphone/supervisors/{id}", id=id)
        await self._http.send(Request("DELETE", url))
