"""The API: streams of events, policies, debugging; the contract's services.

`streams.StreamHub` is what the event loop hands events to. `server` runs the API in a thread of its
own, and gRPC in a process of its own (`osmia_agent.gateway`), so that neither its work nor its end
holds up an event; it is imported only where an address is configured. Imports `osmia_events`,
`gateway.link`, `gateway.setup` and, of the agent, rooms below; what it is to act on comes as
Protocols.
"""
