"""The process that speaks gRPC on behalf of the agent, so that its work holds up no event.

It knows listeners, certificates, HTTP/2 and bounds of requests, and nothing of what the calls
mean: requests and responses go to and from the agent as bytes, on a socket pair (`link`). Only
`link` and `setup` are for the agent to import; the rest loads grpcio, which the agent never does.
Imports `osmia_events.messages` for reflection and, of the agent, `settings.server_address` and
`logs`.
"""
