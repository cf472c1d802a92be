"""The entry of the `voiceai` command.

Owns the garbage collector at the start: nothing that is imported becomes garbage, so there are no collections until
all is imported, and what was imported is never looked at again. Without this the start takes a sixth longer.
"""

import gc


def main() -> None:
    """Run the command."""
    gc.disable()
    from controller.cli.main import main as run

    gc.freeze()
    gc.enable()
    run()


if __name__ == "__main__":
    main()
