"""What is kept of calls when they are over: in the store, as rows, for as long as the config says."""
