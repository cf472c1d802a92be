"""`python -m bridge.worker`: one worker process."""

import sys

from bridge.worker.process import main

if __name__ == "__main__":
    sys.exit(main())
