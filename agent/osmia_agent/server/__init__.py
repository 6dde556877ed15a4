"""The gRPC API: streams of events, policies, health, debugging; the contract's services.

`streams.StreamHub` is what the event loop hands events to; it loads no gRPC. `server` runs the
API in a thread of its own and loads grpcio: it is imported only where an address is configured.
Imports `osmia_events` and, of the agent, rooms below; what it is to act on comes as Protocols.
"""
