"""One file for each step: `<number>_<what>.py`."""
