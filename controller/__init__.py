"""The call-control side: ARI, the call machine, the HTTP API. Never touches audio."""
