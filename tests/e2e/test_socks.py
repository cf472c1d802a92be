"""One real call behind a SOCKS proxy, which leads to the AI, the look-up, the tool and the receiver of webhooks."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from simulator.audio.sound import tone
from simulator.realtime import CallTool, ToneModel
from tests.e2e.installation import Installation, installation
from tests.e2e.test_inbound import GREETING, REPLY, greeted
from tests.integration.proxy_harness import ANSWER, speaks
from tests.integration.webhook_harness import eventually, hook, receiver
from tests.peers.asterisk import Asterisk
from tests.peers.proxy import proxy

AI, SHOP, CRM = "ai.invalid", "shop.invalid", "crm.invalid"
"""Names that nobody but the proxy knows."""
PROVIDER = {"url": f"ws://{AI}/v1/realtime"}
USER = "agent:hidd3n"


def tool(name: str) -> dict[str, Any]:
    return {"description": "Looks up.", "url": f"http://{SHOP}/{name}", "allowed_hosts": [SHOP]}


def log_of(running: Installation) -> str:
    return running.service.log.read_text()


async def test_all_goes_by_the_proxy(asterisk: Asterisk, tmp_path: Path) -> None:
    """And when it cuts all that it carries, the call goes on by it."""
    async with receiver() as there, speaks(ANSWER) as shop, proxy(user=USER) as by:
        more = {"http_tools": {"look": tool("look")}, "webhooks": {"crm": hook(f"http://{CRM}/", allowed_hosts=[CRM])}}
        by.targets = {SHOP: shop, CRM: there.port}
        env = {"ALL_PROXY": f"socks5h://{USER}@127.0.0.1:{by.port}"}
        model = ToneModel([GREETING, CallTool("look", call_id="call_1")], forever=REPLY)
        agent = {"tools": ["look"]}
        async with installation(
            asterisk, tmp_path, model, provider=PROVIDER, agent=agent, more=more, environment=env
        ) as running:
            by.targets[AI] = urlsplit(running.realtime.url).port or 0
            async with running.caller() as phone:
                await greeted(phone)
                phone.rtp.say(tone(0.6, 620))
                await running.service.logged("tool ran", 10, ok=True)
                await phone.rtp.hears(lambda samples: len(samples) > 0)
                old = await running.realtime.session()
                assert [each["item"]["output"] for each in old.client_events("conversation.item.create")][-1] == "hello"
                by.cut()
                new = await running.realtime.session(1)
                await new.wait_received("session.update")
                await phone.hang_up()
            call = await running.call_id()
            await running.ended(call)
            await eventually(lambda: any(got.body["type"] == "call.ended" for got in there.got), seconds=10)
            assert "hidd3n" not in log_of(running)
    assert by.asked.count(AI) == 2
    assert by.asked.count(SHOP) == 1
    assert CRM in by.asked
    assert set(by.asked) == {AI, SHOP, CRM}


async def test_a_proxy_that_refuses(asterisk: Asterisk, tmp_path: Path) -> None:
    """The log says of the call which proxy it was, and what it did."""
    async with proxy(user=USER) as by:
        env = {"ALL_PROXY": "socks5h://agent:wr0ng@127.0.0.1:" + str(by.port)}
        async with installation(
            asterisk, tmp_path, ToneModel([GREETING]), provider=PROVIDER, environment=env
        ) as running:
            async with running.caller():
                call = await running.call_id()
                await running.ended(call, 20)
            words = (
                f"the proxy socks5h://127.0.0.1:{by.port} (ALL_PROXY) does not accept the user name and the password"
            )
            told = [line for line in running.service.lines if words in str(line)]
            assert told
            assert all(line["call"] == call for line in told)
            assert "wr0ng" not in log_of(running)
