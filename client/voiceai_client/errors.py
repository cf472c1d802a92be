"""What goes wrong between a program and the API, as exceptions. [pure]

Owns the classes and how an answer becomes one. All are `VoiceaiError`. What the API refuses is a `ProblemError` (RFC
9457); its `type` is stable (docs/api.md lists the types), its class follows from the status.
"""

import json
from collections.abc import Mapping
from typing import Any

SHOWN = 5
"""Faults of a request that the text of its error shows."""


class VoiceaiError(Exception):
    """Every error of this package but those of `voiceai_client.webhooks`."""


class UnreachableError(VoiceaiError):
    """There was no answer, or it broke off. Whether a request was carried out is not known."""


class UnexpectedAnswerError(VoiceaiError):
    """There was an answer that voiceai does not give: a proxy's page, or a version that does not fit."""


class ProblemError(VoiceaiError):
    """The API refused the request."""

    def __init__(
        self,
        *,
        type: str,
        title: str,
        status: int,
        detail: str | None = None,
        errors: tuple[Mapping[str, Any], ...] = (),
        request_id: str = "",
        retry_after: float | None = None,
    ) -> None:
        faults = "; ".join(map(_fault, errors[:SHOWN]))
        text = ": ".join(each for each in (title, detail) if each)
        super().__init__(f"{text} ({faults})" if faults else text)
        self.type = type
        """The last part of the problem's URI, such as `wrong-state`."""
        self.title = title
        self.status = status
        self.detail = detail
        self.errors = errors
        """Of parts of the request: `pointer` (into the body), `parameter`, `path` or `line`, with `detail`."""
        self.request_id = request_id
        """Stands in the controller's log."""
        self.retry_after = retry_after
        """Seconds to wait before the next request, where the API says so."""


def _fault(error: Mapping[str, Any]) -> str:
    """An empty pointer is of the whole body."""
    place = next((error[key] for key in ("pointer", "parameter", "path", "line") if error.get(key)), "")
    return ": ".join(str(each) for each in (place, error.get("detail")) if each)


class BadRequestError(ProblemError):
    """400: `errors` points at each wrong or unknown field."""


class UnauthorizedError(ProblemError):
    """401: there is no token, or it is wrong."""


class ForbiddenError(ProblemError):
    """403: the token lacks a scope, or the number may not be dialled."""


class NotFoundError(ProblemError):
    """404."""


class ConflictError(ProblemError):
    """409: the call is in the wrong state, or a request with this idempotency key is in progress."""


class ChangedMeanwhileError(ProblemError):
    """412: somebody else changed it; read it again."""


class UnprocessableError(ProblemError):
    """422: a name, a moment or a configuration does not fit."""


class RateLimitedError(ProblemError):
    """429: too many requests, or too many calls wait; `retry_after` says when to come again."""


class UnavailableError(ProblemError):
    """502, 503 and 504: the controller, its database, or the node of the call can't do it now."""


CLASSES: Mapping[int, type[ProblemError]] = {
    400: BadRequestError,
    401: UnauthorizedError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    412: ChangedMeanwhileError,
    422: UnprocessableError,
    429: RateLimitedError,
    502: UnavailableError,
    503: UnavailableError,
    504: UnavailableError,
}
"""By status; any other status is a plain `ProblemError`."""


def error_of(status: int, retry_after: str | None, content: bytes) -> ProblemError | UnexpectedAnswerError:
    """The exception for an answer that is not the wanted one. `retry_after`: the header of that name."""
    try:
        told = json.loads(content)
    except ValueError:
        told = None
    if not isinstance(told, dict) or not isinstance(told.get("type"), str):
        return UnexpectedAnswerError(f"the answer was HTTP {status}, and not in the form of voiceai")
    detail, errors = told.get("detail"), told.get("errors")
    return CLASSES.get(status, ProblemError)(
        type=told["type"].rpartition("/")[2],
        title=str(told.get("title", "")),
        status=status,
        detail=detail if isinstance(detail, str) else None,
        errors=tuple(each for each in errors if isinstance(each, dict)) if isinstance(errors, list) else (),
        request_id=str(told.get("request_id", "")),
        retry_after=float(retry_after) if retry_after and retry_after.isascii() and retry_after.isdigit() else None,
    )
