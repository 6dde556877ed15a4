"""The custom resource definitions, built from the models.

``python -m osmia_api.crds DIRECTORY`` writes them as YAML.
"""

from __future__ import annotations

import ast
import copy
import functools
import inspect
import sys
import textwrap
from pathlib import Path
from typing import Any, Literal

import yaml

from osmia_api.tracing_policy.base import PolicyModel, states_default
from osmia_api.tracing_policy.policy import (
    GROUP,
    VERSION,
    TracingPolicy,
    TracingPolicyNamespaced,
)

Schema = dict[str, Any]

_HEADER = "# Generated from the models of osmia_api by `python -m osmia_api.crds`. Do not edit.\n"

_EXPLAINED_CHOICES = 4  # kubectl explain leaves out the others

_PRINTER_COLUMNS: tuple[Schema, ...] = (
    {
        "name": "Ready",
        "type": "string",
        "description": "Whether the policy is in force on all its nodes",
        "jsonPath": '.status.conditions[?(@.type=="Ready")].status',
    },
    {
        "name": "Nodes",
        "type": "string",
        "description": "Nodes where it is in force, of the nodes that it is for",
        "jsonPath": ".status.nodes.summary",
    },
    {
        "name": "Mode",
        "type": "string",
        "description": "Whether it enforces or only monitors",
        "jsonPath": ".status.mode",
    },
    {
        "name": "Reason",
        "type": "string",
        "description": "Why it is ready, or not",
        "jsonPath": '.status.conditions[?(@.type=="Ready")].reason',
    },
    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
)


def build_crds() -> dict[str, Schema]:
    """Build the definitions; they are keyed by the names of their files."""
    return {
        "cilium.io_tracingpolicies.yaml": _definition(
            TracingPolicy, plural="tracingpolicies", short_name="tgtp", scope="Cluster"
        ),
        "cilium.io_tracingpoliciesnamespaced.yaml": _definition(
            TracingPolicyNamespaced,
            plural="tracingpoliciesnamespaced",
            short_name="tgtpn",
            scope="Namespaced",
        ),
    }


def render(definition: Schema) -> str:
    """Write a definition as the text of its file."""
    return _HEADER + yaml.safe_dump(definition, width=100)


def write_crds(directory: Path) -> None:
    """Write all definitions to `directory`, which is made if it is missing."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, definition in build_crds().items():
        (directory / name).write_text(render(definition), encoding="utf-8")


def _definition(
    model: type[PolicyModel],
    *,
    plural: str,
    short_name: str,
    scope: Literal["Cluster", "Namespaced"],
) -> Schema:
    kind = model.__name__
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": scope,
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": plural,
                "singular": kind.lower(),
                "shortNames": [short_name],
                "categories": ["osmia", "tetragon"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": _object_schema(model)},
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": list(_PRINTER_COLUMNS),
                }
            ],
        },
    }


def _object_schema(model: type[PolicyModel]) -> Schema:
    schema = structural_schema(model)
    properties = schema["properties"]
    for name in ("apiVersion", "kind"):
        properties[name] = {"type": "string", "description": properties[name]["description"]}
    properties["metadata"] = {"type": "object"}  # the API server knows and checks it itself
    schema["required"] = ["metadata", "spec"]
    return schema


def structural_schema(model: type[PolicyModel]) -> Schema:
    """Build the OpenAPI v3 schema of a model in the form that custom resources must have.

    No references and no alternatives; a field that may be absent is not nullable; only defaults
    that the schema states are given.
    """
    schema = model.model_json_schema(by_alias=True)
    definitions = schema.pop("$defs", {})
    models = {found.__name__: found for found in _descendants(PolicyModel)}
    return _inlined(schema, definitions, models, model)


def _inlined(
    schema: Schema,
    definitions: dict[str, Schema],
    models: dict[str, type[PolicyModel]],
    model: type[PolicyModel] | None = None,
) -> Schema:
    """Put into `schema` all that it refers to; `model` is its model, if it has one."""
    if "anyOf" in schema:
        (given,) = (choice for choice in schema["anyOf"] if choice != {"type": "null"})
        schema = {**given, **{key: value for key, value in schema.items() if key != "anyOf"}}
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        # A copy for each use: YAML would write shared parts as anchors and aliases.
        referred = copy.deepcopy(definitions[name])
        referred.pop("description", None)  # the field says what it is for
        schema = {**referred, **schema}
        model = models[name]
    result = {
        key: value
        for key, value in schema.items()
        if key not in ("$ref", "title", "properties", "items", "additionalProperties", "default")
    }
    if "description" in result:
        result["description"] = _one_line(result["description"])
    if result["type"] == "integer":  # the format bounds it; only zero is a bound of its own
        result.pop("maximum")
        if result["minimum"] < 0:
            result.pop("minimum")
    if "items" in schema:
        result["items"] = _inlined(schema["items"], definitions, models)
    if isinstance(values := schema.get("additionalProperties"), dict):
        result["additionalProperties"] = _inlined(values, definitions, models)
    if "properties" in schema and model is not None:
        texts = _field_texts(model)
        fields = model.fields_by_alias()
        result["properties"] = {
            alias: _described(_inlined(value, definitions, models), texts.get(alias))
            | ({"default": value["default"]} if states_default(fields[alias]) else {})
            for alias, value in schema["properties"].items()
        }
    return result


def _described(schema: Schema, text: str | None) -> Schema:
    if text is None:
        return schema
    choices = schema.get("enum", ())
    if len(choices) > _EXPLAINED_CHOICES:
        text = f"{text} One of {', '.join(choices)}."
    return {**schema, "description": text}


@functools.cache
def _field_texts(model: type[PolicyModel]) -> dict[str, str]:
    """Read the docstrings of a model's fields, also inherited ones, by their names in YAML."""
    texts: dict[str, str] = {}
    for owner in reversed(model.__mro__):
        if not issubclass(owner, PolicyModel):
            continue
        (definition,) = ast.parse(textwrap.dedent(inspect.getsource(owner))).body
        assert isinstance(definition, ast.ClassDef)
        for field, text in zip(definition.body, definition.body[1:], strict=False):
            match field, text:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str(words))),
                ) if name in model.model_fields:
                    texts[model.model_fields[name].alias or name] = _one_line(words)
    return texts


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _descendants(model: type[PolicyModel]) -> list[type[PolicyModel]]:
    found = [model]
    for child in model.__subclasses__():
        found += _descendants(child)
    return found


def main(arguments: list[str]) -> int:
    """Write the definitions to the directory that is named; the exit status."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m osmia_api.crds DIRECTORY\n")
        return 2
    write_crds(Path(arguments[0]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
