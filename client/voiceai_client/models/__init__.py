"""Types of answers, of events, and of parts of requests. Made from the OpenAPI document (`make reference`). [pure]"""

from voiceai_client.models.agents import (
    AgentTestArgument as AgentTestArgument,
    AgentTestList as AgentTestList,
    CallerLineArgument as CallerLineArgument,
    CheckArgument as CheckArgument,
    SimulatedCallerArgument as SimulatedCallerArgument,
    ToolCheckArgument as ToolCheckArgument,
    VoiceOptionsArgument as VoiceOptionsArgument,
    WordsArgument as WordsArgument,
)
from voiceai_client.models.audit import AuditEntryAnswer as AuditEntryAnswer, AuditPage as AuditPage
from voiceai_client.models.calls import (
    BargeInAnswer as BargeInAnswer,
    CallDetailAnswer as CallDetailAnswer,
    CallPage as CallPage,
    CountersAnswer as CountersAnswer,
    ReasonAnswer as ReasonAnswer,
    SoundAnswer as SoundAnswer,
    SpokenAnswer as SpokenAnswer,
    StepAnswer as StepAnswer,
    TraceAnswer as TraceAnswer,
    UnreachableNode as UnreachableNode,
)
from voiceai_client.models.common import (
    AttemptAnswer as AttemptAnswer,
    CallAnswer as CallAnswer,
    Latency as Latency,
    ParticipantAnswer as ParticipantAnswer,
    QueuePlace as QueuePlace,
    SpreadAnswer as SpreadAnswer,
    SupervisionAnswer as SupervisionAnswer,
    TransferAnswer as TransferAnswer,
    TurnAnswer as TurnAnswer,
    UtteranceAnswer as UtteranceAnswer,
    WaitingAnswer as WaitingAnswer,
)
from voiceai_client.models.config import (
    ConfigAnswer as ConfigAnswer,
    Imported as Imported,
    ReloadAnswer as ReloadAnswer,
)
from voiceai_client.models.event_data import (
    Adopted as Adopted,
    AiWarning as AiWarning,
    Answered as Answered,
    BargeIn as BargeIn,
    Control as Control,
    Durations as Durations,
    Ended as Ended,
    EventData as EventData,
    FirstFrame as FirstFrame,
    Instructed as Instructed,
    MetadataChange as MetadataChange,
    Participant as Participant,
    Queued as Queued,
    Reconnected as Reconnected,
    Recorded as Recorded,
    Ringing as Ringing,
    Said as Said,
    Settled as Settled,
    Started as Started,
    StateChange as StateChange,
    Supervision as Supervision,
    Tool as Tool,
    Transfer as Transfer,
    Turn as Turn,
    Used as Used,
)
from voiceai_client.models.events import (
    CallAdopted as CallAdopted,
    CallAiWarning as CallAiWarning,
    CallAnswered as CallAnswered,
    CallBargeIn as CallBargeIn,
    CallControl as CallControl,
    CallEnded as CallEnded,
    CallEvent as CallEvent,
    CallInstructed as CallInstructed,
    CallMetadata as CallMetadata,
    CallParticipant as CallParticipant,
    CallQueued as CallQueued,
    CallReconnected as CallReconnected,
    CallRecorded as CallRecorded,
    CallRinging as CallRinging,
    CallSaid as CallSaid,
    CallSettled as CallSettled,
    CallStarted as CallStarted,
    CallState as CallState,
    CallSupervision as CallSupervision,
    CallTool as CallTool,
    CallTransfer as CallTransfer,
    CallTurn as CallTurn,
    CallUsed as CallUsed,
    Event as Event,
)
from voiceai_client.models.health import (
    AlertAnswer as AlertAnswer,
    AlertList as AlertList,
    Health as Health,
    Readiness as Readiness,
)
from voiceai_client.models.history import (
    Forgotten as Forgotten,
    HistoryPage as HistoryPage,
    HistoryTotals as HistoryTotals,
    LegAnswer as LegAnswer,
    PastCall as PastCall,
    PastCallDetail as PastCallDetail,
    PastEvent as PastEvent,
    PastSound as PastSound,
    ToolUse as ToolUse,
    UsageAnswer as UsageAnswer,
)
from voiceai_client.models.keys import KeyAnswer as KeyAnswer, KeyCreated as KeyCreated, KeyPage as KeyPage
from voiceai_client.models.nodes import NodeAnswer as NodeAnswer, NodePage as NodePage
from voiceai_client.models.queue import (
    Cancelled as Cancelled,
    QueueAnswer as QueueAnswer,
    QueuePage as QueuePage,
    SuspendedTrunkAnswer as SuspendedTrunkAnswer,
)
from voiceai_client.models.resources import (
    ChangeAnswer as ChangeAnswer,
    Checked as Checked,
    ComparisonAnswer as ComparisonAnswer,
    DiffAnswer as DiffAnswer,
    DraftAnswer as DraftAnswer,
    DraftInfo as DraftInfo,
    Measure as Measure,
    ResourceAnswer as ResourceAnswer,
    ResourceInfo as ResourceInfo,
    ResourcePage as ResourcePage,
    ToolTried as ToolTried,
    TrialAnswer as TrialAnswer,
    VersionAnswer as VersionAnswer,
    VersionFigures as VersionFigures,
    VersionInfo as VersionInfo,
    VersionPage as VersionPage,
)
from voiceai_client.models.routes import RouteAnswer as RouteAnswer
from voiceai_client.models.sessions import (
    ConsoleSessionAnswer as ConsoleSessionAnswer,
    ConsoleSessionPage as ConsoleSessionPage,
)
from voiceai_client.models.softphone import (
    ConsultationLine as ConsultationLine,
    IceServerAnswer as IceServerAnswer,
    SoftphoneAnswer as SoftphoneAnswer,
    TransferOffer as TransferOffer,
)
from voiceai_client.models.statistics import (
    DistributionAnswer as DistributionAnswer,
    FiguresAnswer as FiguresAnswer,
    StatisticsAnswer as StatisticsAnswer,
    StatisticsGroup as StatisticsGroup,
)
from voiceai_client.models.text_sessions import (
    TextEventAnswer as TextEventAnswer,
    TextEventPage as TextEventPage,
    TextSessionAnswer as TextSessionAnswer,
    TextSessionPage as TextSessionPage,
)
from voiceai_client.models.webhooks import (
    Discarded as Discarded,
    LetterAnswer as LetterAnswer,
    LetterPage as LetterPage,
    Replayed as Replayed,
)
from voiceai_client.models.workers import (
    RefusedWorkerAnswer as RefusedWorkerAnswer,
    WorkerAnswer as WorkerAnswer,
    WorkerPage as WorkerPage,
    WorkerUserAnswer as WorkerUserAnswer,
)
