"""`osmia explain`: the fields of the resources that users write, without a cluster."""
