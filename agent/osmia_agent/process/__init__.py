"""Processes of this node: their identity, what is known of them, and the table that keeps them.

Kernel records (`osmia_bpf.records`) come in, `Process` messages (`osmia_events.model`) come out;
`/proc` adds what was there before the agent. Import `table`, `builder`, `scan`, `clock`,
`namespaces`, `users`, `procfs`, `wait_status` and `identity` from here. The room imports
`osmia_events` and `osmia_bpf` and no other room of the agent. One thread owns all of it: nothing
here locks.
"""
