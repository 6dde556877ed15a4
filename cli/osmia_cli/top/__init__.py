"""`osmia top`: what happens now, as rates and as the newest events.

`model` counts, without a terminal; `app` shows it, `report` prints it once.
"""
