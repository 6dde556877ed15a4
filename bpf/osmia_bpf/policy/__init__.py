"""TracingPolicy -> BPF programs of its own, for one kernel.

The passes, each a pure function: `validate` (what no kernel could do), `resolve` (against a
kernel's facts), `plan` (programs and maps), `source` (C text). `check` runs them all and compiles
nothing. The room may import `osmia_api` and the rest of `osmia_bpf`.
"""
