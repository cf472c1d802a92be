"""Finds destinations in the config that no trunk and no dialplan context allows. [pure]"""

from controller.config.errors import ConfigError, Path, dotted
from controller.config.models.root import Config
from controller.config.source import Source
from controller.dialing import numbers


def unreachable(config: Config, document: Source) -> list[ConfigError]:
    """An error for each destination that can never be reached."""
    places: dict[Path, str] = {("transfer", "targets", name): to for name, to in config.transfer.targets.items()}
    for agent, each in config.agents.items():
        steps = {("agents", agent, "on_ai_failure", number): step for number, step in enumerate(each.on_ai_failure)}
        keys = {("agents", agent, "dtmf", digit): action for digit, action in each.dtmf.items()}
        places |= {(*path, "transfer"): does.transfer for path, does in (steps | keys).items() if does.transfer}
    places |= {("supervisor", "extensions", name): to for name, to in config.supervisor.extensions.items()}
    handed_back: dict[Path, tuple[str, str | None]] = {
        ("routes", number, "overflow", step, "context"): (does.context, route.trunk)
        for number, route in enumerate(config.routes)
        for step, does in enumerate(route.overflow)
        if does.context
    }
    canary: dict[Path, str] = {("canary", "to"): config.canary.to} if config.canary else {}
    wrong = []
    for path in (*places, *handed_back, *canary):
        try:
            if path in places:
                look = numbers.telephone if path[0] == "supervisor" else numbers.destination
                look(config, places[path], None)
            elif path in handed_back:
                numbers.check_handed_back(config, *handed_back[path])
            else:
                numbers.check_call_to_ourselves(config, canary[path])
        except numbers.NotAllowed as refusal:
            wrong.append(ConfigError(dotted(path), "", f"could never be reached: {refusal}", line=document.line(path)))
    return wrong
