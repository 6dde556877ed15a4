"""What a cluster says of its agents: read from the API server, no agent is asked.

`reading` reads, `overview` sums up (pure), `printing` shows it. Imported only when a cluster is
asked for.
"""
