"""The resources of API keys and of sessions of the console: make, list, change, revoke; list and end.

Owns who may make which key: nobody one with more than they have themselves, and nobody changes or revokes one that
has more.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import structlog
from aiohttp import hdrs, web

from controller.api.auth.authenticator import GRANTED, SESSION
from controller.api.auth.keys import ApiKeys, Key, KeyChanged, NameTaken, TooManyKeys, UnknownKey
from controller.api.auth.limits import Limits, network
from controller.api.auth.sessions import SHOWN_ID, Sessions
from controller.api.auth.users import PREFIX, Use, User
from controller.api.models.keys import (
    ChangeKey,
    ConsoleSessionAnswer,
    ConsoleSessionPage,
    CreateKey,
    KeyAnswer,
    KeyCreated,
    KeyPage,
)
from controller.api.operation import AUDIT_DETAILS, ApiRequest, ApiResponse, Operation
from controller.api.problems import Problem, malformed
from controller.config.models.api import SCOPES, Scope, granted

log = structlog.get_logger()

Known = Callable[[], Mapping[str, Collection[str]]]
"""The names of `agents` and `trunks` that there are."""
_LIMITS = ("agents", "trunks", "sources", "expires_at")
_PATH = "/v1/keys/{id}"


class KeyResources:
    def __init__(self, keys: ApiKeys, sessions: Sessions, known: Known) -> None:
        self._keys = keys
        self._sessions = sessions
        self._known = known

    def operations(self) -> tuple[Operation, ...]:
        common: dict[str, Any] = {"scopes": ("admin",), "limited": True, "tag": "keys"}
        one: dict[str, Any] = common | {"problems": ("unknown-key", "store-away")}
        tagged: dict[str, str] = {hdrs.ETAG: "The key's version, for `If-Match`."}
        made: dict[str, str] = {hdrs.LOCATION: "The key's URL."}
        unchanged: dict[str, str] = {hdrs.IF_MATCH: "The `ETag` of what is changed: nobody else's change is undone."}
        return (
            Operation(
                *("list_keys", "GET", "/v1/keys", "API keys, and the tokens of the config", self.list, KeyPage),
                **common,
            ),
            Operation(
                *("create_key", "POST", "/v1/keys", "Add an API key", self.create, KeyCreated),
                body=CreateKey,
                status=HTTPStatus.CREATED,
                headers=made | tagged,
                idempotency=False,  # its answer may not be kept
                **common | {"problems": ("name-taken", "refused", "store-away")},
            ),
            Operation("show_key", "GET", _PATH, "An API key", self.show, KeyAnswer, headers=tagged, **one),
            Operation(
                *("change_key", "PATCH", _PATH, "Change the scopes or limits of an API key", self.change, KeyAnswer),
                body=ChangeKey,
                headers=tagged,
                request_headers=unchanged,
                **one | {"problems": ("unknown-key", "changed-meanwhile", "store-away")},
            ),
            Operation(
                *("revoke_key", "DELETE", _PATH, "Revoke an API key", self.revoke, None),
                status=HTTPStatus.NO_CONTENT,
                **one,
            ),
            Operation(
                *("list_sessions", "GET", "/v1/sessions", "List console sessions", self.sessions),
                answer=ConsoleSessionPage,
                scopes=("admin",),
                tag="keys",
            ),
            Operation(
                *("end_session", "DELETE", "/v1/sessions/{id}", "Log somebody out of the console", self.end_session),
                answer=None,
                scopes=("admin",),
                status=HTTPStatus.NO_CONTENT,
                problems=("unknown-session", "store-away"),
                tag="keys",
            ),
        )

    # ------------------------------------------------------------ keys

    async def list(self, asked: ApiRequest) -> KeyPage:
        """A limited key sees those that have no more than it has."""
        mine = [key for key in self._keys.all() if not asked.limits.of_calls or not _beyond(asked, key)]
        tokens = () if asked.limits.of_calls else self._keys.users.tokens
        return KeyPage(keys=(*map(self._told, mine), *map(_of_config, tokens)))

    async def show(self, asked: ApiRequest) -> ApiResponse:
        key = self._get(asked)
        if asked.limits.of_calls and _beyond(asked, key):
            raise Problem("unknown-key")
        return ApiResponse(self._told(key), _tag(key))

    async def create(self, asked: ApiRequest) -> ApiResponse:
        """The key is in the answer to this request, and nowhere else."""
        body: CreateKey = asked.body
        asked.request[AUDIT_DETAILS] = {"key": body.name}
        limits = self._limits(body, Limits())
        scopes = _scopes(body.scopes)
        _refuse_more(asked, scopes, limits)
        try:
            key, secret = await self._keys.create(body.name, scopes, limits, body.comment, asked.by)
        except NameTaken:
            raise Problem("name-taken") from None
        except TooManyKeys:
            raise Problem("refused", "There are as many keys as there may be: revoke some.") from None
        asked.request[AUDIT_DETAILS] = {"key": key.name, "id": key.id, "after": _facts(key)}
        log.info("API key made", key=key.id, name=key.name, scopes=key.scopes, by=asked.by)
        return ApiResponse(
            KeyCreated(**dict(self._told(key)), key=secret), {hdrs.LOCATION: f"/v1/keys/{key.id}", **_tag(key)}
        )

    async def change(self, asked: ApiRequest) -> ApiResponse:
        body: ChangeKey = asked.body
        old = self._own(asked)
        given = body.model_fields_set
        values: dict[str, Any] = {"limits": self._limits(body, old.limits)}
        if body.scopes is not None:
            values["scopes"] = _scopes(body.scopes)
        if body.comment is not None:
            values["comment"] = body.comment
        if wrong := [name for name in ("scopes", "comment") if name in given and getattr(body, name) is None]:
            raise malformed("The body has wrong fields.", *({"pointer": f"/{name}", "detail": _NULL} for name in wrong))
        _refuse_more(asked, values.get("scopes", old.scopes), values["limits"])
        try:
            key = await self._keys.change(old.id, _version(asked), asked.by, **values)
        except KeyChanged:
            raise Problem("changed-meanwhile") from None
        asked.request[AUDIT_DETAILS] |= {"after": _facts(key)}
        log.info("API key changed", key=key.id, name=key.name, scopes=key.scopes, by=asked.by)
        return ApiResponse(self._told(key), _tag(key))

    async def revoke(self, asked: ApiRequest) -> web.Response:
        """It fails with its next request; its streams and sessions end within two seconds."""
        key = self._own(asked)
        log.warning("API key revoked", key=key.id, name=key.name, by=asked.by)
        await self._keys.revoke(key.id)
        return web.Response(status=HTTPStatus.NO_CONTENT)

    def _get(self, asked: ApiRequest) -> Key:
        try:
            return self._keys.get(asked.part("id"))
        except UnknownKey:
            asked.request[AUDIT_DETAILS] = {"id": asked.part("id")[:64]}
            raise Problem("unknown-key") from None

    def _own(self, asked: ApiRequest) -> Key:
        """The one that is to be changed. Raises Problem 403 for one that has more than whoever asks."""
        key = self._get(asked)
        asked.request[AUDIT_DETAILS] = {"key": key.name, "before": _facts(key)}
        if _beyond(asked, key):
            raise Problem("unknown-key" if asked.limits.of_calls else "forbidden", _MORE)
        return key

    def _limits(self, body: CreateKey | ChangeKey, old: Limits) -> Limits:
        """Raises Problem 400, with the place of each fault."""
        wrong: list[dict[str, str]] = []
        found = {name: getattr(body if name in body.model_fields_set else old, name) for name in _LIMITS}
        for name in {"agents", "trunks"} & body.model_fields_set:
            given, there = getattr(body, name), self._known()[name]
            if given is None:
                continue
            found[name] = frozenset(given)
            for at, each in enumerate(given):
                if each not in there:
                    wrong.append({"pointer": f"/{name}/{at}", "detail": f"is not in `{name}` of the config"})
        if "sources" in body.model_fields_set and body.sources is not None:
            found["sources"], faults = _networks(body.sources)
            wrong += faults
        if (until := body.expires_at) is not None and until <= datetime.now(UTC):
            wrong.append({"pointer": "/expires_at", "detail": "is over already"})
        if wrong:
            raise malformed("The key can't have such limits.", *sorted(wrong, key=lambda each: each["pointer"]))
        return Limits(**found)

    def _told(self, key: Key) -> KeyAnswer:
        return _answer(key, self._keys.use_of(key.id))

    # ------------------------------------------------------------ sessions

    async def sessions(self, asked: ApiRequest) -> ConsoleSessionPage:
        mine = asked.request.get(SESSION)
        return ConsoleSessionPage(
            sessions=tuple(
                ConsoleSessionAnswer(
                    id=each.hash[:SHOWN_ID],
                    name=each.credential[0],
                    began_at=each.began_at,
                    used_at=each.used_at,
                    source=each.source,
                    current=each.hash == mine,
                )
                for each in self._sessions.all()
            )
        )

    async def end_session(self, asked: ApiRequest) -> web.Response:
        """Its cookie opens nothing any more; its streams end within two seconds."""
        id_ = asked.part("id")
        found = [each for each in self._sessions.all() if each.hash[:SHOWN_ID] == id_]
        if not found:
            raise Problem("unknown-session")
        for each in found:
            self._sessions.close(each.hash)
        asked.request[AUDIT_DETAILS] = {"session_of": found[0].credential[0]}
        log.info("a session of the console was ended", user=found[0].credential[0], by=asked.by)
        if not await self._sessions.written():
            raise Problem("store-away", "It has ended here; the store learns of it once it is back.")
        return web.Response(status=HTTPStatus.NO_CONTENT)


_NULL = "can't be null"
_MORE = "That key has more than the one that asks."


def _beyond(asked: ApiRequest, key: Key) -> list[str]:
    own = asked.request[GRANTED]
    return [*sorted(granted(key.scopes) - own), *key.limits.beyond(asked.limits)]


def _refuse_more(asked: ApiRequest, scopes: tuple[Scope, ...], limits: Limits) -> None:
    """Raises Problem 403 for a key with more than whoever asks has."""
    own = asked.request[GRANTED]
    wrong = [
        {"pointer": f"/scopes/{at}", "detail": "is not among the scopes of the key that asks"}
        for at, scope in enumerate(scopes)
        if not granted((scope,)) <= own
    ]
    wrong += [
        {"pointer": f"/{name}", "detail": "reaches further than the key that asks"}
        for name in limits.beyond(asked.limits)
    ]
    if wrong:
        raise Problem("forbidden", "Nobody makes a key that has more than their own.", tuple(wrong))


def _scopes(given: list[Scope]) -> tuple[Scope, ...]:
    return tuple(scope for scope in SCOPES if scope in given)


def _networks(given: list[str]) -> tuple[tuple[Any, ...], list[dict[str, str]]]:
    found, wrong = [], []
    for at, text in enumerate(given):
        try:
            found.append(network(text))
        except ValueError as error:
            wrong.append({"pointer": f"/sources/{at}", "detail": str(error)})
    return tuple(found), wrong


def _version(asked: ApiRequest) -> int | None:
    """Of `If-Match`. Raises Problem 412 for what can be no version."""
    given = asked.request.headers.get(hdrs.IF_MATCH)
    if given is None or given.strip() == "*":
        return None
    text = given.strip().strip('"')
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise Problem("changed-meanwhile")
    return int(text)


def _tag(key: Key) -> dict[str, str]:
    tag: dict[str, str] = {hdrs.ETAG: f'"{key.version}"'}
    return tag


def _facts(key: Key) -> dict[str, Any]:
    """For the audit log."""
    limits = _told_limits(key.limits)
    return {"scopes": list(key.scopes), **{name: each for name, each in limits.items() if each is not None}}


def _told_limits(limits: Limits) -> dict[str, Any]:
    return {
        "agents": tuple(sorted(limits.agents)) if limits.agents is not None else None,
        "trunks": tuple(sorted(limits.trunks)) if limits.trunks is not None else None,
        "sources": tuple(map(str, limits.sources)) if limits.sources is not None else None,
        "expires_at": limits.expires_at.isoformat() if limits.expires_at is not None else None,
    }


def _answer(key: Key, use: Use) -> KeyAnswer:
    limits = _told_limits(key.limits) | {"expires_at": key.limits.expires_at}
    facts = {name: getattr(key, name) for name in ("id", "name", "comment", "version", "created_by", "changed_by")}
    times = {"created_at": key.created_at, "changed_at": key.changed_at, "used_at": use.at, "used_from": use.source}
    return KeyAnswer(prefix=f"{PREFIX}{key.id}", scopes=key.scopes, **facts, **limits, **times)


def _of_config(user: User) -> KeyAnswer:
    """`scopes`: with those that they bring along."""
    scopes = tuple(scope for scope in SCOPES if scope in user.scopes)
    nothing: dict[str, Any] = dict.fromkeys(("id", "prefix", "agents", "trunks", "sources", "expires_at"))
    nothing |= {"comment": "", "version": 1, "created_by": "", "changed_by": "", "created_at": None, "changed_at": None}
    return KeyAnswer(name=user.name, scopes=scopes, used_at=user.use.at, used_from=user.use.source, **nothing)
