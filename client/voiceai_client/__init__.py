"""Python client of voiceai: HTTP API, events and webhooks (docs/client.md).

Owns what programs import: `Client`, `AsyncClient`, the errors, and the events. Types of answers are in
`voiceai_client.models`, webhooks in `voiceai_client.webhooks`.
"""

from voiceai_client import models as models, webhooks as webhooks
from voiceai_client.async_client import AsyncClient as AsyncClient
from voiceai_client.async_http import AsyncEventStream as AsyncEventStream
from voiceai_client.client import Client as Client
from voiceai_client.errors import (
    BadRequestError as BadRequestError,
    ChangedMeanwhileError as ChangedMeanwhileError,
    ConflictError as ConflictError,
    ForbiddenError as ForbiddenError,
    NotFoundError as NotFoundError,
    ProblemError as ProblemError,
    RateLimitedError as RateLimitedError,
    UnauthorizedError as UnauthorizedError,
    UnavailableError as UnavailableError,
    UnexpectedAnswerError as UnexpectedAnswerError,
    UnprocessableError as UnprocessableError,
    UnreachableError as UnreachableError,
    VoiceaiError as VoiceaiError,
)
from voiceai_client.events import (
    AnyEvent as AnyEvent,
    Gap as Gap,
    StreamItem as StreamItem,
    UnknownEvent as UnknownEvent,
)
from voiceai_client.requests import NOT_GIVEN as NOT_GIVEN
from voiceai_client.server_sent_events import StreamEvent as StreamEvent
from voiceai_client.sync_http import EventStream as EventStream
from voiceai_client.version import VERSION as VERSION
