"""What may be dialled, and how it is written for Asterisk. [pure]

Owns the making of dial strings from the text of a person, a program or a model: drops separators, checks every
character, and applies the trunk's allow-list, its deny-list and the toll-fraud rules. No other code makes dial strings.

Everything that is not known to be harmless is refused. Reasons are texts for people and models, without the number.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from bridge.common import patterns
from controller.dialing import caller_ids, number_format, number_spellings, toll_fraud
from controller.dialing.emergency import reaches_emergency
from controller.dialing.rules import Destinations, DialRules

MAX_LENGTH = 128

_TWO_PREFIXES = (
    "This number has a country code and the prefix of calls within the country, such as (0): write it with one of them."
)

_ON_DENY_LIST = "This number is on the trunk's list of numbers that are not dialled."

_SEPARATORS = re.compile("[ ().\u00a0\u2009\u202f\u2010\u2011\u2012\u2013-]")
_DIGITS = re.compile(r"\+?[0-9*#]{1,32}")
_EXTENSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.*#-]{0,63}")
_SIP = re.compile(
    r"sips?:[A-Za-z0-9+][A-Za-z0-9+_.*#-]{0,63}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?(?::[0-9]{1,5})?"
)
_CONTEXT = re.compile(r"([A-Za-z0-9+*#][A-Za-z0-9+_.*#-]{0,63})@([A-Za-z0-9][A-Za-z0-9_.-]{0,63})")
_CONTEXT_NUMBER = re.compile(r"\+?[0-9]+", re.ASCII)
_ENDPOINT = re.compile(r"PJSIP/(?:\{number\}@([A-Za-z0-9_.-]+)|([A-Za-z0-9_.-]+)/.*)")


class NotAllowed(Exception):
    """This will not be dialled. `reason` is a sentence or two, for a person or a model, without the number."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Number:
    """A destination outside: `dial` is Asterisk's dial string, `number` the checked number."""

    trunk: str
    dial: str
    number: str


@dataclass(frozen=True, slots=True)
class Context:
    """A destination in the dialplan. `trunk`: the one whose limits count; None: an extension of the exchange."""

    context: str
    extension: str
    trunk: str | None = None

    @property
    def dial(self) -> str:
        return f"Local/{self.extension}@{self.context}"


@dataclass(frozen=True, slots=True)
class Browser:
    """A person who answers transfers in the console: `user`, or (`*`) whoever is available."""

    user: str
    dial: str = ""
    """Known once it is rung."""

    @property
    def shown(self) -> str:
        return _BROWSER + self.user


_BROWSER = "softphone:"


def check_number(trunk: DialRules, number: str) -> str:
    """`number` as it may be dialled over `trunk`: without spaces, dashes, dots and parentheses. Raises NotAllowed.

    A leading 00 and the name of an extension stay as they are: the allow-list judges what is given, and
    `number_format` says what the carrier gets.
    """
    if number.startswith(("sip:", "sips:")):
        return _check_sip(trunk, number)
    if len(number) <= MAX_LENGTH and number_spellings.has_zero_in_brackets(number):
        raise NotAllowed(_TWO_PREFIXES)
    compact = _SEPARATORS.sub("", number) if len(number) <= MAX_LENGTH else ""
    plain = compact if _DIGITS.fullmatch(compact) else number
    if not _DIGITS.fullmatch(plain) and not _EXTENSION.fullmatch(plain):
        raise NotAllowed(
            "This is not a telephone number: digits, perhaps with a + before them, or an extension's name."
        )
    if _DIGITS.fullmatch(plain) and number_spellings.needless_zero(plain, trunk.country_code):
        raise NotAllowed(_TWO_PREFIXES)
    if not _allowed(trunk, plain, sip=False):
        raise NotAllowed("This number is not on the trunk's allow-list.")
    _check_tolls(trunk, plain)
    return plain


def _check_tolls(trunk: DialRules, number: str) -> None:
    denied = toll_fraud.denial_reason(
        number,
        trunk.country_code,
        premium=trunk.premium,
        international=trunk.international,
        domestic=trunk.domestic,
        emergency=trunk.emergency,
    )
    if denied is not None or _denied(trunk, number):
        raise NotAllowed(denied or _ON_DENY_LIST)


def _check_sip(trunk: DialRules, uri: str) -> str:
    if not _SIP.fullmatch(uri):
        raise NotAllowed("This is not a plain SIP address: sip:user@host or sip:user@host:port.")
    if not _allowed(trunk, uri, sip=True) or _denied(trunk, uri):
        raise NotAllowed("This SIP address is not on the trunk's allow-list.")
    user = _SEPARATORS.sub("", uri.partition(":")[2].rpartition("@")[0])
    _check_tolls(trunk, user)  # a carrier dials the number in an address like any other
    return uri


def _allowed(trunk: DialRules, text: str, *, sip: bool) -> bool:
    """Only a pattern that begins with `sip` allows SIP addresses."""
    allowed = (each for each in trunk.allow if each.startswith("sip") is sip)
    return any(patterns.fullmatch(each, text) for each in allowed)


def _denied(trunk: DialRules, text: str) -> bool:
    return any(patterns.fullmatch(each, text) for each in trunk.deny)


def dial_string(trunk: DialRules, number: str) -> str:
    """How Asterisk dials `number` over `trunk`. Checks it again. Raises NotAllowed."""
    number = check_number(trunk, number)
    if not number.startswith(("sip:", "sips:")):
        return trunk.endpoint.replace("{number}", _sent(trunk, number))
    endpoint = endpoint_of(trunk)
    if endpoint is None:
        raise NotAllowed("This trunk can't dial SIP addresses: its endpoint is not a PJSIP one.")
    return f"PJSIP/{endpoint}/{number}"


def _sent(trunk: DialRules, number: str) -> str:
    """`number`, which was checked, as the carrier gets it. In another format it must not be an emergency number either,
    nor one on the deny-list. Raises NotAllowed."""
    sent = number_format.formatted(number, trunk.number_format, trunk.country_code)
    if sent != number:
        if reaches_emergency(sent, toll_fraud.region_of(trunk.country_code), trunk.emergency):
            raise NotAllowed(toll_fraud.EMERGENCY)
        if _denied(trunk, sent):
            raise NotAllowed(_ON_DENY_LIST)
    return sent


def endpoint_of(trunk: DialRules) -> str | None:
    """The trunk's endpoint name in pjsip.conf; None if its dial template is not PJSIP's."""
    match = _ENDPOINT.fullmatch(trunk.endpoint)
    return (match[1] or match[2]) if match else None


def check_caller_id(trunk: DialRules, text: str) -> str:
    """`text`, if `trunk` may show it to the callee: its own caller id, or one of `caller_ids`. Raises NotAllowed.

    A number may be shown without its name; a name only with its own number.
    """
    try:
        name, number = caller_ids.caller_id(text)
    except ValueError as error:
        raise NotAllowed(str(error)) from None
    allowed = map(caller_ids.caller_id, (*filter(None, (trunk.caller_id,)), *trunk.caller_ids))
    if not any(
        name in (None, allowed_name) and _shown(number, allowed_number) for allowed_name, allowed_number in allowed
    ):
        raise NotAllowed("This caller id may not be shown: it is none of the trunk's (`caller_id`, `caller_ids`).")
    return f"{name} <{number}>" if name else number


def _shown(number: str, allowed: str) -> bool:
    """A final `*` stands for any further digits."""
    if not allowed.endswith("*"):
        return number == allowed
    rest = number.removeprefix(allowed[:-1])
    return number.startswith(allowed[:-1]) and (not rest or (rest.isascii() and rest.isdecimal()))


def destination(config: Destinations, to: str, trunk: str | None) -> Number | Context | Browser:
    """Where a transfer goes. Raises NotAllowed.

    `to` is a name from `transfer.targets`, `extension@context`, `sip:user@host`, `softphone:user`, `softphone:*`, or a
    number or extension, which is dialled over `trunk` (None, or one that the config does not have: the first trunk).
    """
    to = config.transfer.targets.get(to, to)
    if to.startswith(_BROWSER):
        return _browser(config, to.removeprefix(_BROWSER))
    if "@" in to and not to.startswith(("sip:", "sips:")):
        return _context(config, to, trunk)
    name = _trunk(config, trunk)
    if name is None:
        raise NotAllowed("There is no trunk to dial over; `trunks` in the config is empty.")
    line = config.trunks[name]
    number = check_number(line, to)
    return Number(name, dial_string(line, number), number)


def telephone(config: Destinations, to: str, trunk: str | None) -> Number | Context:
    """As `destination`, for who has to have a telephone. Raises NotAllowed."""
    where = destination(config, to, trunk)
    if isinstance(where, Browser):
        raise NotAllowed("A browser can only have calls transferred to it; a supervisor uses *Listen here* in it.")
    return where


def _browser(config: Destinations, user: str) -> Browser:
    if config.softphone is None:
        raise NotAllowed("Nobody can be called in the console: the config has no `softphone`.")
    if not user:
        raise NotAllowed("This names nobody: softphone:NAME, or softphone:* for whoever is available in the console.")
    return Browser(user)


def _trunk(config: Destinations, wanted: str | None) -> str | None:
    return wanted if wanted in config.trunks else next(iter(config.trunks), None)


def refer_to(config: Destinations, where: Number | Context | Browser, trunk: str | None) -> str:
    """The SIP address for a REFER to the trunk of a call. Raises NotAllowed."""
    line = config.trunks.get(trunk or "")
    if not isinstance(where, Number) or where.trunk != trunk or line is None or line.refer is None:
        raise NotAllowed("This can't be done by REFER: only a number, over a trunk of which `trunks.*.refer` says how.")
    if where.number.startswith(("sip:", "sips:")):
        return where.number
    return line.refer.replace("{number}", _sent(line, where.number))


def tool_destination(config: Destinations, to: str, trunk: str | None) -> Number | Context | Browser:
    """As `destination`, for a model: configured targets only, unless the config allows any number. Raises
    NotAllowed."""
    targets = config.transfer.targets
    if to not in targets and not config.transfer.any_number:
        names = "There are: " + ", ".join(targets) + "." if targets else "There are none."
        raise NotAllowed(f"Unknown destination. {names}")
    return destination(config, to, trunk)


def _context(config: Destinations, to: str, trunk: str | None) -> Context:
    """A dialplan may dial out: what is not listed as an extension is checked as a number of the trunk."""
    match = _CONTEXT.fullmatch(to)
    if match is None:
        raise NotAllowed("This is not a dialplan destination: extension@context.")
    rule = config.transfer.contexts.get(match[2])
    if rule is None:
        raise NotAllowed("Calls may not be sent into this context; `transfer.contexts` in the config lists those.")
    compact = _SEPARATORS.sub("", match[1])
    number = _CONTEXT_NUMBER.fullmatch(compact) is not None
    listed = _listed(rule.extensions, match[1])
    extension = compact if number and not listed else match[1]
    if not number and not listed:
        raise NotAllowed("This extension is not one of those that `transfer.contexts` lists for its context.")
    name = _trunk(config, rule.trunk or trunk)
    if name is None:
        if not listed or sum(sign.isdigit() for sign in compact) > toll_fraud.SHORT:
            raise NotAllowed("This is a telephone number, and there is no trunk by whose rules it could be judged.")
        _check_without_trunk(compact)
        return Context(match[2], extension)
    if not listed:
        return Context(match[2], check_number(config.trunks[name], extension), name)
    _check_tolls(config.trunks[name], compact)
    return Context(match[2], extension, name if sum(sign.isdigit() for sign in compact) > toll_fraud.SHORT else None)


def check_handed_back(config: Destinations, place: str, trunk: str | None) -> None:
    """`extension@context`, where the dialplan continues with a caller whom we don't serve. Raises NotAllowed."""
    as_written, _, context = place.partition("@")
    rule = config.transfer.contexts.get(context)
    if _is_feature_code(as_written) and not (rule and _listed(rule.extensions, as_written)):
        raise NotAllowed("This is a feature code: it must be listed in `transfer.contexts` for its context.")
    extension, name = _SEPARATORS.sub("", as_written), _trunk(config, trunk)
    if name is None:
        _check_without_trunk(extension)
    else:
        _check_tolls(config.trunks[name], extension)


def check_call_to_ourselves(config: Destinations, place: str) -> None:
    """`extension@context` at which the canary calls our own dialplan: only emergency numbers and feature codes are
    refused. Raises NotAllowed."""
    if _is_feature_code(place.partition("@")[0]):
        raise NotAllowed("This is a feature code: it may change the exchange each time, and no caller dials it.")
    name = _trunk(config, None)
    line = config.trunks[name] if name is not None else None
    region, allowed = (toll_fraud.region_of(line.country_code), line.emergency) if line else (None, ())
    if reaches_emergency(_SEPARATORS.sub("", place.partition("@")[0]), region, allowed):
        raise NotAllowed(toll_fraud.EMERGENCY)


def _is_feature_code(extension: str) -> bool:
    """Such as *72, which forwards a line."""
    return "*" in extension or "#" in extension


def _listed(allowed: Iterable[str], extension: str) -> bool:
    return any(patterns.fullmatch(each, extension) for each in allowed)


def _check_without_trunk(extension: str) -> None:
    denied = toll_fraud.denial_reason(extension, None, premium=False, international=False)
    if denied is not None:
        raise NotAllowed(denied)


DIGITS = r"[0-9A-Da-d*#wW]{1,32}"
"""The keys of a telephone; `w` is a pause of half a second, `W` one of a second."""
