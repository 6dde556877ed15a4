"""Events: their model, the stages between process table and sink, encoders and decoders.

The room may import `osmia_api` and nothing else of this project.
"""
