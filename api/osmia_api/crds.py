"""The custom resource definitions, built from the models.

``python -m osmia_api.crds DIRECTORY`` writes them as YAML.
"""

from __future__ import annotations

import ast
import copy
import functools
import inspect
import itertools
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import yaml
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from osmia_api.export_config.config import GROUP as OSMIA_GROUP
from osmia_api.export_config.config import ExportConfig
from osmia_api.resource.base import ResourceModel, states_default
from osmia_api.tracing_node import TracingNode
from osmia_api.tracing_policy.policy import GROUP as CILIUM_GROUP
from osmia_api.tracing_policy.policy import VERSION, TracingPolicy, TracingPolicyNamespaced

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic_core import core_schema

Schema = dict[str, Any]

_HEADER = "# Generated from the models of osmia_api by `python -m osmia_api.crds`. Do not edit.\n"

_SMALLEST_INTEGERS = (-(2**31), -(2**63))

_EXPLAINED_CHOICES = 4  # kubectl explain leaves out the others


class _Kind(NamedTuple):
    """What a definition says besides the schema."""

    model: type[ResourceModel]
    group: str
    plural: str
    short_name: str
    scope: Literal["Cluster", "Namespaced"]
    columns: tuple[Schema, ...]
    categories: tuple[str, ...] = ("osmia",)


_AGE: Schema = {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}


def _deployed_columns(mode_path: str, mode_text: str) -> tuple[Schema, ...]:
    """Columns of the kinds that users write and nodes put in force."""
    return (
        {
            "name": "Ready",
            "type": "string",
            "description": "Whether it is in force on all its nodes",
            "jsonPath": '.status.conditions[?(@.type=="Ready")].status',
        },
        {
            "name": "Nodes",
            "type": "string",
            "description": "Nodes where it is in force, of the nodes that it is for",
            "jsonPath": ".status.nodes.summary",
        },
        {"name": "Mode", "type": "string", "description": mode_text, "jsonPath": mode_path},
        {
            "name": "Reason",
            "type": "string",
            "description": "Why it is ready, or not",
            "jsonPath": '.status.conditions[?(@.type=="Ready")].reason',
        },
        _AGE,
    )


_POLICY_COLUMNS = _deployed_columns(".status.mode", "Whether it enforces or only monitors")
_EXPORT_COLUMNS = _deployed_columns(".spec.mode", "Whether it exports or only counts")
_NODE_COLUMNS: tuple[Schema, ...] = (
    {
        "name": "Loaded",
        "type": "integer",
        "description": "Policies and export pipelines in force on the node",
        "jsonPath": ".status.loaded",
    },
    {
        "name": "Failed",
        "type": "integer",
        "description": "Policies and export pipelines that could not be put in force",
        "jsonPath": ".status.failed",
    },
    {
        "name": "Version",
        "type": "string",
        "description": "Version of the agent",
        "jsonPath": ".status.version",
    },
    {
        "name": "Kernel",
        "type": "string",
        "description": "Release of the node's kernel",
        "jsonPath": ".status.kernel",
    },
    _AGE,
)

_KINDS = (
    _Kind(
        TracingPolicy,
        CILIUM_GROUP,
        "tracingpolicies",
        "tgtp",
        "Cluster",
        _POLICY_COLUMNS,
        ("osmia", "tetragon"),
    ),
    _Kind(
        TracingPolicyNamespaced,
        CILIUM_GROUP,
        "tracingpoliciesnamespaced",
        "tgtpn",
        "Namespaced",
        _POLICY_COLUMNS,
        ("osmia", "tetragon"),
    ),
    _Kind(ExportConfig, OSMIA_GROUP, "exportconfigs", "oec", "Cluster", _EXPORT_COLUMNS),
    _Kind(TracingNode, OSMIA_GROUP, "tracingnodes", "otn", "Cluster", _NODE_COLUMNS),
)


def build_crds() -> dict[str, Schema]:
    """Build the definitions; they are keyed by the names of their files."""
    return {f"{kind.group}_{kind.plural}.yaml": _definition(kind) for kind in _KINDS}


def render(definition: Schema) -> str:
    """Write a definition as the text of its file."""
    return _HEADER + yaml.safe_dump(definition, width=100)


def write_crds(directory: Path) -> None:
    """Write all definitions to `directory`, which is made if it is missing."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, definition in build_crds().items():
        (directory / name).write_text(render(definition), encoding="utf-8")


def _definition(kind: _Kind) -> Schema:
    name = kind.model.__name__
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{kind.group}"},
        "spec": {
            "group": kind.group,
            "scope": kind.scope,
            "names": {
                "kind": name,
                "listKind": f"{name}List",
                "plural": kind.plural,
                "singular": name.lower(),
                "shortNames": [kind.short_name],
                "categories": list(kind.categories),
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": _object_schema(kind.model)},
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": copy.deepcopy(list(kind.columns)),
                }
            ],
        },
    }


def _object_schema(model: type[ResourceModel]) -> Schema:
    schema = structural_schema(model)
    properties = schema["properties"]
    for name in ("apiVersion", "kind"):
        properties[name] = {"type": "string", "description": properties[name]["description"]}
    properties["metadata"] = {"type": "object"}  # the API server knows and checks it itself
    required = [name for name in ("metadata", "spec") if name in properties]
    return {**schema, "description": _one_line(model.__doc__ or ""), "required": required}


def structural_schema(model: type[ResourceModel]) -> Schema:
    """Build the OpenAPI v3 schema of a model in the form that custom resources must have.

    No references and no alternatives; a field that may be absent is not nullable; only defaults
    that the schema states are given.
    """
    schema = model.model_json_schema(schema_generator=_SchemaGenerator)
    return _inlined(schema, schema.pop("$defs", {}))


class _SchemaGenerator(GenerateJsonSchema):
    """Adds to the schemas of models what only the models know."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        result = super().model_schema(schema)
        model: type[ResourceModel] = schema["cls"]
        result.pop("description", None)  # each field says what it uses the model for
        if validations := [
            {"rule": rule.cel, "message": rule.message} for rule in model.rules if rule.cel
        ]:
            result["x-kubernetes-validations"] = validations
        texts = _field_texts(model)
        for alias, info in model.fields_by_alias().items():
            field = result["properties"][alias]
            if not states_default(info):
                field.pop("default", None)
            if alias in texts:
                field["description"] = _with_choices(texts[alias], field.get("enum", ()))
        return result


def _with_choices(text: str, choices: Sequence[str]) -> str:
    return f"{text} One of {', '.join(choices)}." if len(choices) > _EXPLAINED_CHOICES else text


def _inlined(schema: Schema, definitions: dict[str, Schema]) -> Schema:
    """Put into `schema` all that it refers to, and leave out what structural schemas cannot have.

    The result shares nothing: YAML would write shared parts as anchors and aliases.
    """
    if "anyOf" in schema:
        (given,) = (choice for choice in schema.pop("anyOf") if choice != {"type": "null"})
        schema = {**given, **schema}
    if "$ref" in schema:
        definition = definitions[schema.pop("$ref").removeprefix("#/$defs/")]
        schema = {**copy.deepcopy(definition), **schema}
    schema.pop("title", None)
    if schema["type"] == "integer":  # the format bounds it already
        schema.pop("maximum")
        if schema["minimum"] in _SMALLEST_INTEGERS:
            schema.pop("minimum")
    if "items" in schema:
        schema["items"] = _inlined(schema["items"], definitions)
    if isinstance(values := schema.pop("additionalProperties", None), dict):
        schema["additionalProperties"] = _inlined(values, definitions)
    for name, field in schema.get("properties", {}).items():
        schema["properties"][name] = _inlined(field, definitions)
    return schema


@functools.cache
def _field_texts(model: type[ResourceModel]) -> dict[str, str]:
    """Read the docstrings of a model's fields, also inherited ones, by their names in YAML."""
    texts: dict[str, str] = {}
    for owner in reversed(model.__mro__):
        if not issubclass(owner, ResourceModel):
            continue
        (definition,) = ast.parse(textwrap.dedent(inspect.getsource(owner))).body
        assert isinstance(definition, ast.ClassDef)
        for field, text in itertools.pairwise(definition.body):
            match field, text:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str(words))),
                ) if name in model.model_fields:
                    texts[model.model_fields[name].alias or name] = _one_line(words)
    return texts


def _one_line(text: str) -> str:
    return " ".join(text.split())


def main(arguments: list[str]) -> int:
    """Write the definitions to the directory that is named; the exit status."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m osmia_api.crds DIRECTORY\n")
        return 2
    write_crds(Path(arguments[0]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
