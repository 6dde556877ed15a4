"""What operator, agent and users agree on: models of the custom resources.

`tracing_policy` reads policies, `crds` makes the custom resource definitions out of the same
models, `problems` says what is wrong with an object, `yaml_document` reads YAML as Kubernetes does.

The lowest floor: it imports nothing else of this project.
"""
