"""`osmia tracingpolicy`: the policies of an agent, and policies as texts.

`commands` is the group; the others are imported when its commands run.
"""
