"""`voiceai serve`: its options, and how it ends. A process that serves loads this and no other command."""

from typing import Annotated

import typer

from bridge.common.event_loop import run as run_loop
from bridge.common.logs import set_up as set_up_log
from controller.cli.config_file import DEFAULT_CONFIG, ConfigPath, load, read_again, refuse
from controller.config import ConfigErrors

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command()
def serve(
    config: ConfigPath = DEFAULT_CONFIG,
    workers: Annotated[bool, typer.Option(help="Start bridge workers on this machine.")] = True,
    takeover: Annotated[bool, typer.Option(help="Take the Stasis app from the controller that uses it.")] = False,
) -> None:
    """Run the controller and, by default, its bridge workers.

    Exit status 4: another controller runs on the same store or serves the same Stasis app; nothing was touched.
    """
    from controller.api.listening import CantListen
    from controller.app import EXIT_RUNNING
    from controller.cli.serve import serve as run
    from controller.store.database import StoreError
    from controller.store.instance import AlreadyRunning

    loaded = load(config)
    set_up_log()
    try:
        status = run_loop(run(loaded, own_workers=workers, takeover=takeover, read=lambda: read_again(config)))
    except AlreadyRunning as other:
        typer.echo(f"voiceai can't start: {other}", err=True)
        status = EXIT_RUNNING
    except CantListen as error:
        text = f"voiceai can't listen on {loaded.config.api.listen}: {error.strerror}. Change `api.listen`."
        typer.echo(text, err=True)
        status = 1
    except ConfigErrors as errors:  # of what the store has
        refuse(errors)
    except (StoreError, OSError) as error:
        typer.echo(f"voiceai can't start: {error}", err=True)
        status = 1
    raise typer.Exit(status)
