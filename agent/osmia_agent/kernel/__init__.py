"""The only room that talks to the kernel: bpf(2), compiling, loading, attaching, rings, probing.

It may import `osmia_bpf` and `osmia_api`, and no other room of the agent.
"""
