"""What a call is told of a command that could not be carried out. [pure]"""

from controller.ari.errors import AriError, NotFound
from controller.calls import errors
from controller.calls.machine import commands, inputs

TEARING_DOWN = commands.HangUp | commands.DestroyBridge | commands.CloseAi
"""Their failure is no input: what is left is removed when the call ends."""
_SOUNDS = commands.Ring | commands.StartMusic | commands.StopMusic | commands.StartTone | commands.StopTone
_AUDIO = commands.CountRtp | commands.Rejoin | commands.RestoreBridge
BEST_EFFORT = _SOUNDS | _AUDIO | commands.SetVariables | commands.PauseAi | commands.ResumeAi | commands.OrderAi
"""Their failure is no input either, unless what they act on is gone: the call goes on without."""


def failure(command: commands.Command, error: Exception) -> inputs.CommandFailed:
    """Status 500 to a Dial is "Allocation failed": its endpoint is unknown, or none of its contacts answers. To an
    OpenMedia it is that nobody accepts at the worker's address."""
    no_way = (
        isinstance(command, commands.Dial | commands.OpenMedia) and isinstance(error, AriError) and error.status == 500
    )
    return inputs.CommandFailed(
        command, str(error), isinstance(error, NotFound), isinstance(error, errors.Busy), no_way
    )
