"""The API's tokens when the configuration changes: they count at once.

Owns what the log says of it: names, and never a secret.
"""

import structlog

from controller.api.auth.authenticator import Authenticator
from controller.api.auth.users import Users
from controller.config.models.api import Api

log = structlog.get_logger()


def exchange_tokens(keeper: Authenticator, before: Api, after: Api) -> None:
    """Sessions and streams of tokens that are gone end."""
    if (before.tokens, before.rate) == (after.tokens, after.rate):
        return
    was, are = ({each.name: each for each in api.tokens} for api in (before, after))
    old = _digests(keeper.users)
    keeper.users.replace_tokens(after.tokens, after.rate)
    ended, new = keeper.end_sessions(), _digests(keeper.users)
    both = sorted(was.keys() & are.keys())
    told = {
        "new": sorted(are.keys() - was.keys()),
        "gone": sorted(was.keys() - are.keys()),
        "other_secret": [name for name in both if old.get(name) != new.get(name)],
        "other_scopes": [name for name in both if was[name].scopes != are[name].scopes],
        "sessions_ended": ended,
    }
    log.warning("the tokens of the config file were read again", tokens=len(are), **told)


def _digests(users: Users) -> dict[str, str]:
    return dict(user.credential for user in users.tokens)
