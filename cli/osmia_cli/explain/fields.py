"""Resources, and places in their schemas."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from osmia_api.crds import build_crds

if TYPE_CHECKING:
    from collections.abc import Sequence

Schema = dict[str, Any]


class UnknownFieldError(LookupError):
    """A path that leads nowhere; the message says where it goes wrong, and what there is."""

    def __str__(self) -> str:
        """Return the message as it is."""
        return str(self.args[0])


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind of resource in one version."""

    kind: str
    names: tuple[str, ...]
    """Names that it goes by, besides its kind, in lower case."""
    short_names: tuple[str, ...]
    group: str
    version: str
    schema: Schema

    @property
    def api_version(self) -> str:
        """What a manifest has as `apiVersion`."""
        return f"{self.group}/{self.version}"


@dataclass(frozen=True, slots=True)
class Found:
    """A place in the schema of a resource."""

    resource: Resource
    path: tuple[str, ...]
    """Fields that lead there; empty for the resource itself."""
    schema: Schema


@cache
def resources() -> tuple[Resource, ...]:
    """Return the resources of this version."""
    found = []
    for definition in build_crds().values():
        spec = definition["spec"]
        names = spec["names"]
        for version in spec["versions"]:
            short = tuple(names["shortNames"])
            found.append(
                Resource(
                    kind=names["kind"],
                    names=(names["singular"], names["plural"], *short),
                    short_names=short,
                    group=spec["group"],
                    version=version["name"],
                    schema=version["schema"]["openAPIV3Schema"],
                )
            )
    return tuple(found)


def find(path: str, api_version: str | None = None) -> Found:
    """Follow a path such as `tracingpolicy.spec.kprobes`. Raises UnknownFieldError."""
    name, *rest = split(path)
    resource = _resource(name, api_version)
    schema, passed = resource.schema, [resource.kind]
    for field in rest:
        schema = _below(schema, field, passed)
        passed.append(field)
    return Found(resource, tuple(rest), schema)


def split(path: str) -> list[str]:
    """Cut a path into names: dots and brackets separate, numbers of items are left out."""
    parts = re.split(r"[.\[]", path.replace("]", ""))
    if "" in parts:
        raise UnknownFieldError(f"{path!r}: a name is missing between two separators, or at an end")
    return [part for part in parts if not part.isdecimal()] or [path]


def items(schema: Schema) -> Schema:
    """Return the schema of what a list holds, lists of lists included; else the schema itself."""
    while schema.get("type") == "array":
        schema = schema["items"]
    return schema


def type_name(schema: Schema) -> str:
    """Return a type as kubectl writes it: `string`, `[]Object`, `map[string]string`."""
    match schema.get("type"):
        case "array":
            return f"[]{type_name(schema['items'])}"
        case "object":
            values = schema.get("additionalProperties")
            return f"map[string]{type_name(values)}" if isinstance(values, dict) else "object"
        case name:
            return str(name or "object")


def _resource(name: str, api_version: str | None) -> Resource:
    wanted = name.lower()
    kinds = [each for each in resources() if wanted in (each.kind.lower(), *each.names)]
    # Upstream's client, too, takes `tp` for a policy.
    kinds = kinds or [
        each for each in resources() if wanted == "tp" and each.kind == "TracingPolicy"
    ]
    if not kinds:
        known = ", ".join(each.kind for each in resources())
        raise UnknownFieldError(f"{name}: no such resource; there are {known}")
    for each in kinds:
        if api_version in (None, each.version, each.api_version):
            return each
    versions = ", ".join(each.api_version for each in kinds)
    raise UnknownFieldError(f"--api-version: {kinds[0].kind} has no {api_version}, but {versions}")


def _below(schema: Schema, field: str, passed: Sequence[str]) -> Schema:
    schema = items(schema)
    place = ".".join(passed)
    values = schema.get("additionalProperties")
    if isinstance(values, dict):
        return values
    properties: dict[str, Schema] = schema.get("properties", {})
    if field in properties:
        return properties[field]
    if not properties:
        raise UnknownFieldError(f"{place} has no fields, so no {field}")
    nearest = difflib.get_close_matches(field, properties, n=1)
    hint = f" (did you mean {nearest[0]}?)" if nearest else ""
    raise UnknownFieldError(
        f"{place} has no field {field}{hint}; it has {', '.join(sorted(properties))}"
    )
