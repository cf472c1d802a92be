"""The sound side: worker processes that carry audio between AudioSocket and the Realtime API."""
