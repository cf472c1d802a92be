"""A client of the Asterisk REST Interface: knows Asterisk, and nothing of calls, agents or AI.

`rest.Ari` sends requests, `link.Link` reads events; `events` and `resources` are the types of both.
"""
