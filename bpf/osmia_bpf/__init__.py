"""BPF programs, made without a kernel at hand: kernel types from BTF, C sources, record layouts.

Import `btf`, `headers`, `programs` and `records` from here. The room may import `osmia_api` and
nothing else of this project: it neither loads programs nor knows what an event looks like.
"""
