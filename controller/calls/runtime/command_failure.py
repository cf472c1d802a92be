"""What a call is told of a command that could not be carried out. [pure]"""

from controller.ari.errors import AriError, NotFound
from controller.calls import errors
from controller.calls.machine import inputs as m


def failure(command: m.Command, error: Exception) -> m.CommandFailed:
    """Status 500 to a Dial is "Allocation failed": its endpoint is unknown, or none of its contacts answers. To an
    OpenMedia it is that nobody accepts at the worker's address."""
    no_way = isinstance(command, m.Dial | m.OpenMedia) and isinstance(error, AriError) and error.status == 500
    return m.CommandFailed(command, str(error), isinstance(error, NotFound), isinstance(error, errors.Busy), no_way)
