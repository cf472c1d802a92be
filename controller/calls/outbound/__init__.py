"""Calls that we place: a durable queue, when each is due, and the task that dials them."""
