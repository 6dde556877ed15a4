"""Places in binaries, for uprobes: looked up in the files, with no process and no kernel asked.

The room may import the rest of `osmia_bpf`, and nothing of `osmia_bpf.policy`.
"""
