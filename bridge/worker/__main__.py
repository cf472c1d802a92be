"""`python -m bridge.worker`: one worker process."""

import sys

sys.modules["rich"] = None  # type: ignore[assignment]  # structlog would load it, for consoles: 4 MB of each worker

from bridge.worker.process import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
