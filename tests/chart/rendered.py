"""What Helm has made of the chart, by kind and name."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]


def one(objects: list[Object], kind: str, name: str) -> Object:
    """The object of this kind and name; there must be one."""
    found = [each for each in objects if each["kind"] == kind and each["metadata"]["name"] == name]
    assert len(found) == 1, f"{len(found)} of {kind} {name}"
    return found[0]


def names(objects: list[Object], kind: str) -> set[str]:
    return {each["metadata"]["name"] for each in objects if each["kind"] == kind}


def container(workload: Object, name: str) -> Object:
    found = [
        each for each in workload["spec"]["template"]["spec"]["containers"] if each["name"] == name
    ]
    assert len(found) == 1
    return dict(found[0])


def nested(path: str, value: Any) -> Object:
    """Values with one at a place such as `tetragon.grpc.address`."""
    for key in reversed(path.split(".")):
        value = {key: value}
    return dict(value)


def merged(base: Object, *others: Object) -> Object:
    """Values laid over one another, as Helm does."""
    result = dict(base)
    for other in others:
        for key, value in other.items():
            old = result.get(key)
            both = isinstance(old, dict) and isinstance(value, dict)
            result[key] = merged(old, value) if both else value
    return result
