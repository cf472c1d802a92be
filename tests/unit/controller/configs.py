"""Configs for tests: the smallest that works, and how to change one place of it."""

import copy
from typing import Any

import yaml

from controller.config import Config, CurrentConfig, parse

ENV = {
    "ARI_PASSWORD": "ari-Hunter2-secret",
    "OPENAI_API_KEY": "sk-Hunter2-secret",
    "VOICEAI_API_TOKEN": "ops-Hunter2-secret",
}

SMALL: dict[str, Any] = {
    "asterisk": {"ari": {"password": "${ARI_PASSWORD}"}},
    "openai": {"api_key": "${OPENAI_API_KEY}"},
    "agents": {"reception": {"instructions": "Be kind."}},
}

FULL: dict[str, Any] = SMALL | {
    "api": {"tokens": [{"name": "ops", "token": "${VOICEAI_API_TOKEN}", "scopes": ["read", "call"]}]},
    "bridge": {"workers": 2, "ports": "9092-9099"},
    "trunks": {
        "main": {
            "endpoint": "PJSIP/{number}@trunk",
            "allow": [r"\+?[0-9]{4,15}"],
            "caller_id": "+4930123",
            "country_code": "49",
        },
        "desk": {
            "endpoint": "PJSIP/{number}@phones",
            "allow": ["[1-9][0-9]{3}", "front-desk", r"sip:[a-z]+@pbx\.test"],
        },
    },
    "agents": {"reception": {"instructions": "Be kind."}, "night": {"instructions": "Be quiet."}},
    "routes": [{"to": "5001", "agent": "reception"}, {"to": "*", "agent": "night"}],
    "transfer": {"contexts": ["queues"], "targets": {"sales": "4930555", "support": "7000@queues"}},
}


def with_(base: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A copy of `base` in which `a__b=1` set a.b."""
    changed = copy.deepcopy(base)
    for path, value in changes.items():
        *above, last = path.split("__")
        place = changed
        for key in above:
            place = place.setdefault(key, {})
        place[last] = value
    return changed


def current(base: dict[str, Any] = FULL, **changes: Any) -> CurrentConfig:
    return CurrentConfig(config(base, **changes))


def config(base: dict[str, Any] = FULL, **changes: Any) -> Config:
    return parse(yaml.safe_dump(with_(base, **changes), sort_keys=False), ENV)
