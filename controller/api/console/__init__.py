"""The web console: a page over the HTTP API, for whoever looks after the calls."""
