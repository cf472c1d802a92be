"""All groups of operations. Made from the OpenAPI document (`make reference`)."""

from voiceai_client.async_http import AsyncHttp
from voiceai_client.async_operations.agents import AsyncAgentsOperations
from voiceai_client.async_operations.audit import AsyncAuditOperations
from voiceai_client.async_operations.calls import AsyncCallsOperations
from voiceai_client.async_operations.config import AsyncConfigOperations
from voiceai_client.async_operations.events import AsyncEventsOperations
from voiceai_client.async_operations.health import AsyncHealthOperations
from voiceai_client.async_operations.history import AsyncHistoryOperations
from voiceai_client.async_operations.keys import AsyncKeysOperations
from voiceai_client.async_operations.nodes import AsyncNodesOperations
from voiceai_client.async_operations.queue import AsyncQueueOperations
from voiceai_client.async_operations.recordings import AsyncRecordingsOperations
from voiceai_client.async_operations.resources import AsyncResourcesOperations
from voiceai_client.async_operations.routes import AsyncRoutesOperations
from voiceai_client.async_operations.sessions import AsyncSessionsOperations
from voiceai_client.async_operations.softphone import AsyncSoftphoneOperations
from voiceai_client.async_operations.statistics import AsyncStatisticsOperations
from voiceai_client.async_operations.text_sessions import AsyncTextSessionsOperations
from voiceai_client.async_operations.webhooks import AsyncWebhooksOperations
from voiceai_client.async_operations.workers import AsyncWorkersOperations


class AsyncGroups:
    """A group of operations is an attribute."""

    def __init__(self, http: AsyncHttp) -> None:
        self.agents = AsyncAgentsOperations(http)
        self.audit = AsyncAuditOperations(http)
        self.calls = AsyncCallsOperations(http)
        self.config = AsyncConfigOperations(http)
        self.events = AsyncEventsOperations(http)
        self.health = AsyncHealthOperations(http)
        self.history = AsyncHistoryOperations(http)
        self.keys = AsyncKeysOperations(http)
        self.nodes = AsyncNodesOperations(http)
        self.queue = AsyncQueueOperations(http)
        self.recordings = AsyncRecordingsOperations(http)
        self.resources = AsyncResourcesOperations(http)
        self.routes = AsyncRoutesOperations(http)
        self.sessions = AsyncSessionsOperations(http)
        self.softphone = AsyncSoftphoneOperations(http)
        self.statistics = AsyncStatisticsOperations(http)
        self.text_sessions = AsyncTextSessionsOperations(http)
        self.webhooks = AsyncWebhooksOperations(http)
        self.workers = AsyncWorkersOperations(http)
