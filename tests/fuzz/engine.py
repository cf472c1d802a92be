"""One target under libFuzzer (atheris), in a process of its own: libFuzzer never returns.

`python -m tests.fuzz.engine TARGET [libFuzzer's options and folders]`. Our code is instrumented as it is imported, so
this module imports nothing of it above.
"""

import sys

import atheris


def main() -> None:
    with atheris.instrument_imports(include=["bridge", "controller"]):
        from tests.fuzz.targets import TARGETS
    run = TARGETS[sys.argv[1]].run
    # To merge, libFuzzer starts itself anew, by this name and through a shell.
    again = f"{sys.executable} -m tests.fuzz.engine {sys.argv[1]}"
    atheris.Setup([again, *sys.argv[2:]], run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
