"""What can happen to a call. [pure]

Inputs come from Asterisk, the call's worker, ops over HTTP, the model's tools and the controller itself, and enter the
same ordered queue of their call. `internal` never enters a queue: it is what one row of the table leaves to another.
"""

from controller.calls.machine.inputs import agent_tools, asterisk, operators, runtime, worker
from controller.calls.machine.inputs.agent_tools import (
    DecideTool as DecideTool,
    HangUpTool as HangUpTool,
    HoldTool as HoldTool,
    RunTool as RunTool,
    SendDigitsTool as SendDigitsTool,
    ToolDone as ToolDone,
    ToolRefused as ToolRefused,
    VoicemailTool as VoicemailTool,
    WaitTool as WaitTool,
)
from controller.calls.machine.inputs.asterisk import (
    AsteriskEnded as AsteriskEnded,
    LegEntered as LegEntered,
    LegGone as LegGone,
    LegHungUp as LegHungUp,
    LegJoined as LegJoined,
    LegReturned as LegReturned,
    LegRinging as LegRinging,
    RtpCounted as RtpCounted,
    SipHold as SipHold,
    SoundOver as SoundOver,
)
from controller.calls.machine.inputs.internal import (
    AgentLost as AgentLost,
    CallerBack as CallerBack,
    Internal as Internal,
    NextFallback as NextFallback,
    NoAgentLeft as NoAgentLeft,
    Started as Started,
    StartTransfer as StartTransfer,
    TransferAccepted as TransferAccepted,
    TransferFailed as TransferFailed,
    Unserved as Unserved,
)
from controller.calls.machine.inputs.operators import (
    DigitsAsked as DigitsAsked,
    HangUpAsked as HangUpAsked,
    HoldAsked as HoldAsked,
    MetadataAsked as MetadataAsked,
    MuteAsked as MuteAsked,
    ParticipantAsked as ParticipantAsked,
    ParticipantDropped as ParticipantDropped,
    RecordAction as RecordAction,
    RecordAsked as RecordAsked,
    ResumeAsked as ResumeAsked,
    SayAsked as SayAsked,
    Side as Side,
    SuperviseAsked as SuperviseAsked,
    SupervisionChanged as SupervisionChanged,
    SupervisionEnded as SupervisionEnded,
    SwitchAsked as SwitchAsked,
    TransferAsked as TransferAsked,
    TransferCancelled as TransferCancelled,
    TransferDecided as TransferDecided,
)
from controller.calls.machine.inputs.runtime import (
    CommandFailed as CommandFailed,
    NoWorkerFound as NoWorkerFound,
    PlaceKnown as PlaceKnown,
    RoomFound as RoomFound,
    TimeUp as TimeUp,
    WrapUpDue as WrapUpDue,
)
from controller.calls.machine.inputs.session import FORMER as FORMER, OfSession as OfSession
from controller.calls.machine.inputs.worker import (
    AiFailed as AiFailed,
    AiReady as AiReady,
    CallerAudio as CallerAudio,
    Conversed as Conversed,
    DigitPressed as DigitPressed,
    LastSaid as LastSaid,
    MediaFlowing as MediaFlowing,
    MediaLost as MediaLost,
    RecordingTold as RecordingTold,
    SessionOver as SessionOver,
    SessionRefused as SessionRefused,
    WorkerLost as WorkerLost,
)

Input = asterisk.Input | worker.Input | operators.Input | agent_tools.Input | runtime.Input

Queued = Input | OfSession
"""What a call's queue takes."""

Tool = agent_tools.Asked | TransferAsked
"""What a model asks for. Each is to be answered once."""
