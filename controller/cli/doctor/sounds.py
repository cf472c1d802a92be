"""Checks whether Asterisk has the sounds that the config names."""

from controller.ari.errors import NotFound
from controller.ari.rest import Ari
from controller.cli.doctor import asterisk
from controller.cli.doctor.findings import Finding, failure, ok, warning
from controller.config import Config

CHECK = "sounds"
MODULE = "res_ari_sounds.so"
SHIPPED = "voiceai/"
FIX = "Copy it into Asterisk's folder of sounds (`core show settings`: Data directory, and in it `sounds`)"


async def sounds(ari: Ari, config: Config) -> list[Finding]:
    """Those of `on_ai_failure`. Nothing if it names none."""
    users: dict[str, list[str]] = {}
    for agent, settings in config.agents.items():
        for step in settings.on_ai_failure:
            if step.say is not None:
                users.setdefault(step.say, []).append(agent)
    if users and (state := await asterisk.module_state(ari, MODULE)) != asterisk.RUNNING:
        told = f"{MODULE} {state}: whether Asterisk has {', '.join(users)} can't be looked at"
        return [warning(CHECK, told, asterisk.load(MODULE, state))]
    found = [_lacks(name, agents) for name, agents in users.items() if not await _has(ari, name)]
    if users and not found:
        return [ok(CHECK, f"Asterisk has {', '.join(users)}")]
    return found


async def _has(ari: Ari, name: str) -> bool:
    folder, _, rest = name.partition("/")
    return bool(await _languages(ari, name)) or bool(rest) and folder in await _languages(ari, rest)


async def _languages(ari: Ari, name: str) -> frozenset[str]:
    try:
        return await ari.sound(name)
    except NotFound:
        return frozenset()


def _lacks(name: str, agents: list[str]) -> Finding:
    told = f"Asterisk has no sound {name}: `on_ai_failure` of {', '.join(agents)} is silence instead"
    if "/" not in name:
        told = (
            f"Asterisk's list has no sound {name}: callers hear silence, unless it lies beside the languages' folders"
        )
        return warning(CHECK, told, f"{FIX}, into a folder such as `en` or `custom`.")
    source = f", from asterisk/sounds/ as {name}.wav" if name.startswith(SHIPPED) else ""
    return failure(CHECK, told, f"{FIX}{source}.")
