"""All groups of operations. Made from the OpenAPI document (`make reference`)."""

from voiceai_client.operations.agents import AgentsOperations
from voiceai_client.operations.audit import AuditOperations
from voiceai_client.operations.calls import CallsOperations
from voiceai_client.operations.config import ConfigOperations
from voiceai_client.operations.events import EventsOperations
from voiceai_client.operations.health import HealthOperations
from voiceai_client.operations.history import HistoryOperations
from voiceai_client.operations.keys import KeysOperations
from voiceai_client.operations.nodes import NodesOperations
from voiceai_client.operations.queue import QueueOperations
from voiceai_client.operations.recordings import RecordingsOperations
from voiceai_client.operations.resources import ResourcesOperations
from voiceai_client.operations.routes import RoutesOperations
from voiceai_client.operations.sessions import SessionsOperations
from voiceai_client.operations.softphone import SoftphoneOperations
from voiceai_client.operations.statistics import StatisticsOperations
from voiceai_client.operations.text_sessions import TextSessionsOperations
from voiceai_client.operations.webhooks import WebhooksOperations
from voiceai_client.operations.workers import WorkersOperations
from voiceai_client.sync_http import SyncHttp


class Groups:
    """A group of operations is an attribute."""

    def __init__(self, http: SyncHttp) -> None:
        self.agents = AgentsOperations(http)
        self.audit = AuditOperations(http)
        self.calls = CallsOperations(http)
        self.config = ConfigOperations(http)
        self.events = EventsOperations(http)
        self.health = HealthOperations(http)
        self.history = HistoryOperations(http)
        self.keys = KeysOperations(http)
        self.nodes = NodesOperations(http)
        self.queue = QueueOperations(http)
        self.recordings = RecordingsOperations(http)
        self.resources = ResourcesOperations(http)
        self.routes = RoutesOperations(http)
        self.sessions = SessionsOperations(http)
        self.softphone = SoftphoneOperations(http)
        self.statistics = StatisticsOperations(http)
        self.text_sessions = TextSessionsOperations(http)
        self.webhooks = WebhooksOperations(http)
        self.workers = WorkersOperations(http)
