"""The agent's parts, made from its settings: one module for each group of them.

`process` and `kernel` see processes, `export` writes events, `policies` watches what policies ask
for. Only `main` imports from here; what is not used by every agent is imported where it is used.
"""
