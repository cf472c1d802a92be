"""Tools over HTTP, carried out: one request each, bounded in time, size and reach (`bridge.common.guarded_http`).

Owns the answer that the model reads, and what the log and the metrics say of a tool that failed: the cause, the host,
the status. No argument, no URL with arguments in it, and no answer is logged.
"""

import asyncio
import codecs
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import structlog

from bridge.common.guarded_http import GuardedHttp, Request
from bridge.common.limited_warnings import LimitedWarnings
from bridge.common.request_failure import Reason, RequestFailed, RequestFailure, of_status
from bridge.common.strict_json import well_formed
from controller.calls.tools.request import BadArguments, request_of
from controller.config.models.agents import HttpTool

LARGEST_ANSWER = 16 * 1024
CUT = "\n[cut off here: the answer is longer]"

_MEDIA_TYPE = re.compile(r"[a-z]{1,20}/[a-z0-9.+-]{1,60}")
_TEXT_TYPES = ("json", "xml", "javascript", "x-www-form-urlencoded", "yaml")

_CHARSETS = re.compile(
    r"ascii|utf-8(-sig)?|utf-16(-[bl]e)?|utf-32(-[bl]e)?|iso8859-\d+|cp\d+|koi8-[rtu]|mac-\w+"
    r"|gb2312|gbk|gb18030|hz|big5(hkscs)?|shift_jis\w*|euc_\w+|iso2022_\w+|johab|tis-620|ptcp154|kz1048|hp-roman8"
)
"""Names as `codecs.lookup` gives them."""

log = structlog.get_logger()


_TOLD: Mapping[Reason, str] = {
    "private_address": "The tool is not set up properly.",
    "timeout": "The tool did not answer in time.",
    "reset": "The tool's server broke the connection before it had answered.",
    "invalid_answer": "The tool's server answered with something that can't be read.",
    "redirect": "The tool's server sent us elsewhere, which is not followed.",
    "content_type": "The tool's server answered with something that is not text.",
}
"""For the model. Of the other causes: `_UNREACHED`, or the status."""
_UNREACHED = "The tool can't be reached at the moment."


@dataclass(frozen=True, slots=True)
class Answer:
    """`output`: what the model reads. `failure`: for the log and the metrics; together with `ok`: the answer was
    cut."""

    ok: bool
    output: str = field(repr=False)
    failure: RequestFailure | None = field(default=None, compare=False)
    status: int | None = field(default=None, compare=False)
    """Of the server's answer; None: there was none."""


def _not_counted(_: str, __: Reason) -> None: ...


class HttpTools:
    """Runs tools. `run` may be called any number of times at once.

    `failed` is called for each failure, with the tool's name and the cause.
    """

    def __init__(self, failed: Callable[[str, Reason], None] = _not_counted) -> None:
        self._failed = failed
        self._http = GuardedHttp()

    async def run(
        self,
        call: str,
        name: str,
        tool: HttpTool,
        arguments: Mapping[str, Any],
        warnings: LimitedWarnings | None = None,
    ) -> Answer:
        """Within the tool's timeout. Whatever goes wrong is an answer too. `warnings`: of the call."""
        host = ""
        started = asyncio.get_running_loop().time()
        try:
            request = request_of(tool, arguments)
            host = request.host
            answer = await self._ask(request)
        except BadArguments as error:
            answer = Answer(False, str(error), RequestFailure("arguments"))  # the text may quote them
        except RequestFailed as error:
            answer = Answer(False, _for_the_model(error.failure), error.failure, error.failure.status)
        took = round((asyncio.get_running_loop().time() - started) * 1000)
        self._log_result(call, name, host, took, answer, warnings or LimitedWarnings(log))
        return answer

    def _log_result(
        self, call: str, name: str, host: str, took: int, answer: Answer, warnings: LimitedWarnings
    ) -> None:
        fields: dict[str, Any] = {"call": call, "tool": name, "ok": answer.ok, "ms": took}
        fields["characters"] = len(answer.output)
        if (failure := answer.failure) is None:
            log.info("tool ran", **fields)
            return
        self._failed(name, failure.reason)
        fields["reason"] = failure.reason
        if failure.reason == "arguments":  # the model's fault, and nobody else's: it reads why
            log.info("tool ran", **fields)
            return
        status = {} if failure.status is None else {"status": failure.status}
        warnings.warning("tool ran", by=("tool", "reason"), **fields, host=host, **status, detail=failure.detail)

    async def _ask(self, request: Request) -> Answer:
        """Raises RequestFailed."""
        async with self._http.send(request) as response:
            _check(response)
            text, cut = await _text(response)
        if not cut:
            return Answer(True, text or "Done. The answer is empty.", status=response.status_code)
        failure = RequestFailure("too_large", f"the answer is cut after {LARGEST_ANSWER} bytes", response.status_code)
        return Answer(True, text + CUT, failure, response.status_code)


def _for_the_model(failure: RequestFailure) -> str:
    if failure.reason in ("client_error", "server_error"):
        return f"The tool's server answered with status {failure.status}."
    return _TOLD.get(failure.reason, _UNREACHED)


def _check(response: httpx.Response) -> None:
    """Raises RequestFailed."""
    if (failure := of_status(response.status_code)) is not None:
        raise RequestFailed(failure)
    kind = response.headers.get("content-type", "text/plain").partition(";")[0].strip().lower()
    encoded = response.headers.get("content-encoding", "identity").lower() != "identity"
    if encoded or not (kind.startswith("text/") or kind.endswith(_TEXT_TYPES)):
        raise RequestFailed(RequestFailure("content_type", _what_it_is(kind, encoded), response.status_code))


def _what_it_is(kind: str, encoded: bool) -> str:
    """The media type is quoted only if it has the form of one."""
    if encoded:
        return "the answer is compressed, which was not asked for"
    return f"the answer is {kind}, not text" if _MEDIA_TYPE.fullmatch(kind) else "the answer is not text"


async def _text(response: httpx.Response) -> tuple[str, bool]:
    """The text, up to `LARGEST_ANSWER` bytes, and whether there was more."""
    read = bytearray()
    async for chunk in response.aiter_raw():
        read += chunk
        if len(read) > LARGEST_ANSWER:
            break
    text = well_formed(bytes(read[:LARGEST_ANSWER]).decode(_charset(response), "replace"))
    return text, len(read) > LARGEST_ANSWER


def _charset(response: httpx.Response) -> str:
    """The charset of the answer if it is in `_CHARSETS`, else UTF-8: some of Python's codecs raise, decompress, or do
    not return text."""
    try:
        named = codecs.lookup(response.charset_encoding or "utf-8").name
    except (LookupError, ValueError):
        return "utf-8"
    return named if _CHARSETS.fullmatch(named) else "utf-8"
