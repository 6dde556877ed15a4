"""The node agent: runs BPF programs, keeps the process table, feeds the export pipelines.

Inside, `kernel`, `process`, `export`, `settings` and `metrics` know no other room of the agent;
then come `sensors` and `enrich`; then `loop`; then `main`, which wires them.
"""
