"""What the custom resources have in common.

`base` treats names, nulls and rules as the API server does, `metadata`, `status` and
`label_selector` are parts of every kind. Imports only `osmia_api.problems`.
"""
