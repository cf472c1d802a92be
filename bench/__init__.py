"""The load benchmark: N calls with exact cadence against one worker, next to a reference in the same run."""
