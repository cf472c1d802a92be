"""The entry point of the `voiceai` command.

Owns the garbage collector at the start: it is off during the imports, and then ignores the imported objects. Without
this the start takes a sixth longer.
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
