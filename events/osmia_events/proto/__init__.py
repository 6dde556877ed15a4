"""Sources of the wire contract and, once built, `descriptors.binpb`."""
