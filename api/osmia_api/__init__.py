"""What operator, agent and users agree on: models of the custom resources.

The lowest floor: it imports nothing else of this project.
"""
