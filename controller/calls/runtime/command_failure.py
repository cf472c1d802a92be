"""What a call is told of a command that could not be carried out. [pure]"""

from controller.ari.errors import AriError, NotFound, Refused
from controller.calls import errors
from controller.calls.machine import commands, inputs

TEARING_DOWN = commands.HangUp | commands.DestroyBridge | commands.CloseAi
"""Their failure is no input: what is left is removed when the call ends."""
_SOUNDS = commands.Ring | commands.StartMusic | commands.StopMusic | commands.StartTone | commands.StopTone
_AUDIO = commands.CountRtp | commands.Rejoin | commands.RestoreBridge
_BEST_EFFORT = _SOUNDS | _AUDIO | commands.SetVariables | commands.PauseAi | commands.ResumeAi | commands.OrderAi


def ignored(command: commands.Command, error: Exception, leg: str) -> bool:
    """The call goes on without what the command was to do. Its failure is an input only if it says that `leg`, the
    person's own, is gone."""
    own = isinstance(command, _SOUNDS | commands.SetVariables) and getattr(command, "channel", None) == leg
    return isinstance(command, _BEST_EFFORT) and not (own and isinstance(error, NotFound))


def one_by_one(command: commands.Command, error: Exception) -> list[commands.Command]:
    """To be tried instead of a Join of several channels that Asterisk refused: it does not say which one is to blame.
    Nothing for other commands and errors."""
    if not isinstance(command, commands.Join) or len(command.channels) == 1:
        return []
    if not isinstance(error, NotFound | Refused):
        return []
    return [commands.Join(command.bridge, (channel,)) for channel in command.channels]


def failure(command: commands.Command, error: Exception) -> inputs.CommandFailed:
    """Status 500 to a Dial is "Allocation failed": its endpoint is unknown, or none of its contacts answers. To an
    OpenMedia it is that nobody accepts at the worker's address."""
    no_way = (
        isinstance(command, commands.Dial | commands.OpenMedia) and isinstance(error, AriError) and error.status == 500
    )
    return inputs.CommandFailed(
        command, str(error), isinstance(error, NotFound), isinstance(error, errors.Busy), no_way
    )
