"""Tools over HTTP, carried out: one request each, bounded in time, size and reach.

Owns the connections to tool servers and the answer that the model reads. A host that the tool's `allowed_hosts` does
not list is asked at public addresses only: its name is looked up here, the address checked, and that address connected
to, so that no second look-up can lead elsewhere. Refuses redirects, cookies, compression and proxies, and never logs
an argument, an address with arguments in it, or an answer.
"""

import asyncio
import codecs
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import structlog

from bridge.strict_json import well_formed
from controller import reach
from controller.config_agents import HttpTool
from controller.tools.request import Request, Unfit, request_of

LARGEST_ANSWER = 16 * 1024
CUT = "\n[cut off here: the answer is longer]"

_LIMITS = httpx.Limits(
    max_connections=200,
    max_keepalive_connections=0,  # kept by address, so that another host's request could get on this one's TLS
)
_TEXT_TYPES = ("json", "xml", "javascript", "x-www-form-urlencoded", "yaml")

_CHARSETS = re.compile(
    r"ascii|utf-8(-sig)?|utf-16(-[bl]e)?|utf-32(-[bl]e)?|iso8859-\d+|cp\d+|koi8-[rtu]|mac-\w+"
    r"|gb2312|gbk|gb18030|hz|big5(hkscs)?|shift_jis\w*|euc_\w+|iso2022_\w+|johab|tis-620|ptcp154|kz1048|hp-roman8"
)
"""Names as `codecs.lookup` gives them."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model gets to read."""

    ok: bool
    output: str = field(repr=False)


class _Failed(Exception):
    """The request did not succeed. The text is for the model, and holds nothing of what was sent."""


class HttpTools:
    """All tools of the config. `run` may be called any number of times at once; `close` when nothing runs any more."""

    def __init__(self, tools: Mapping[str, HttpTool]) -> None:
        self._tools = dict(tools)
        encrypted = any(tool.url.startswith("https:") for tool in tools.values())
        self._transport = httpx.AsyncHTTPTransport(verify=encrypted, trust_env=False, limits=_LIMITS)

    def __contains__(self, name: str) -> bool:
        return name in self._tools

    async def run(self, call: str, name: str, arguments: Mapping[str, Any]) -> Answer:
        """Within the tool's timeout. Whatever goes wrong is an answer too."""
        tool, reason = self._tools[name], None
        started = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(tool.timeout_s):
                answer = Answer(True, await self._ask(tool, request_of(tool, arguments)))
        except Unfit as error:
            answer, reason = Answer(False, str(error)), "the arguments do not fit"  # the text may quote them
        except _Failed as error:
            answer = Answer(False, reason := str(error))
        except TimeoutError:
            answer = Answer(False, reason := "The tool did not answer in time.")
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
            answer, reason = Answer(False, "The tool can't be reached at the moment."), type(error).__name__
        took = round((asyncio.get_running_loop().time() - started) * 1000)
        told = {"reason": reason} if reason else {}
        log.info("tool ran", call=call, tool=name, ok=answer.ok, ms=took, characters=len(answer.output), **told)
        return answer

    async def close(self) -> None:
        await self._transport.aclose()

    async def _ask(self, tool: HttpTool, request: Request) -> str:
        unreached: httpx.ConnectError | None = None
        for address in await _addresses(request, listed=request.host in tool.allowed_hosts):
            try:
                return await self._send(tool, request, address)
            except httpx.ConnectError as error:  # nothing was sent yet: the next address may do
                unreached = error
        raise unreached or _Failed("The tool has no address.")

    async def _send(self, tool: HttpTool, request: Request, address: str) -> str:
        url = httpx.URL(request.url)
        headers = {"Host": url.netloc.decode(), "Accept-Encoding": "identity", "User-Agent": "voiceai"}
        if request.body is not None:
            headers["Content-Type"] = "application/json"
        limits = httpx.Timeout(tool.timeout_s).as_dict()
        sent = httpx.Request(
            request.method,
            url.copy_with(host=address),
            headers=headers | tool.headers,
            content=request.body,
            extensions={"sni_hostname": request.host, "timeout": limits},
        )
        response = await self._transport.handle_async_request(sent)
        try:
            _check(response)
            return await _text(response)
        finally:
            await response.aclose()


async def _addresses(request: Request, *, listed: bool) -> list[str]:
    """Those that may be connected to. Raises _Failed, OSError."""
    try:
        return await reach.addresses(request.host, request.port, listed=listed)
    except reach.PrivateAddress:
        log.warning("tool refused: a private address, and the host is not in its allowed_hosts", host=request.host)
        raise _Failed("The tool is not set up properly.") from None


def _check(response: httpx.Response) -> None:
    if 300 <= response.status_code < 400:
        raise _Failed("The tool's server sent us elsewhere, which is not followed.")
    if response.status_code >= 400 or response.status_code < 200:
        raise _Failed(f"The tool's server answered with status {response.status_code}.")
    kind = response.headers.get("content-type", "text/plain").partition(";")[0].strip().lower()
    encoded = response.headers.get("content-encoding", "identity").lower() != "identity"
    if encoded or not (kind.startswith("text/") or kind.endswith(_TEXT_TYPES)):
        raise _Failed("The tool's server answered with something that is not text.")


async def _text(response: httpx.Response) -> str:
    read = bytearray()
    async for chunk in response.aiter_raw():
        read += chunk
        if len(read) > LARGEST_ANSWER:
            break
    text = well_formed(bytes(read[:LARGEST_ANSWER]).decode(_charset(response), "replace"))
    return (text + CUT if len(read) > LARGEST_ANSWER else text) or "Done. The answer is empty."


def _charset(response: httpx.Response) -> str:
    """Python's codecs are more than charsets: some raise, unpack, or make what is no text. Any other than those below
    is read as UTF-8."""
    try:
        named = codecs.lookup(response.charset_encoding or "utf-8").name
    except (LookupError, ValueError):
        return "utf-8"
    return named if _CHARSETS.fullmatch(named) else "utf-8"
