"""The operator: what users write becomes bundles for the agents, what agents report becomes status.

`main` wires; `sources` (kopf) and `observers` (watches of our own) tell `controller` what there is,
which reconciles one object at a time by `validation`, `reconciler`, `rollout` and `status`, which
are pure.
Imports `osmia_api`, `osmia_events` and `osmia_bpf`; never the agent or the command line.
"""
