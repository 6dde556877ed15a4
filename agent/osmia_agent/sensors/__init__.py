"""Sensors: sets of BPF programs that run, and what their records mean as events.

The room may import the agent's `kernel` and `process`, `osmia_bpf`, `osmia_events` and `osmia_api`.
"""
