"""A client of the Asterisk REST Interface: knows Asterisk, and nothing of calls, agents or AI.

`rest.Ari` does things, `link.Link` tells what happens, `events` and `resources` are what both speak in.
"""
