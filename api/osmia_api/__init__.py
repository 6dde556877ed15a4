"""What operator, agent and users agree on, and how they speak to the Kubernetes API.

`tracing_policy`, `export_config` and `tracing_node` are the custom resources, `resource` what they
have in common, `crds` makes their definitions out of the same models. `bundle` is what the operator
hands to agents. `kube` calls the API server. `problems` says what is wrong with an object,
`yaml_document` reads YAML as Kubernetes does.

The lowest floor: it imports nothing else of this project.
"""
