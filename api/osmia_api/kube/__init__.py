"""The Kubernetes API, as much of it as operator, agent and command line need.

`connection` finds server and credentials, `client` makes single calls, `watch` keeps up with a
collection. Objects are plain dicts. A small client of our own on urllib3: it adds 3.5 MB to an
agent, the official one 18 MB (29 MB with asyncio), and its watches have timeouts.
"""
