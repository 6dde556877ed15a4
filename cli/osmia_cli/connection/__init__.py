"""How commands reach an agent: options, where it listens, TLS, calls.

`options` may be imported at the top of a command's module; the others when the command runs.
"""
