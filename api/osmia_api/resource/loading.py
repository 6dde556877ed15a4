"""From YAML, or from an object of the API, to the model of its kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from pydantic import ValidationError

from osmia_api.problems import InvalidObjectError, Path, Problem, describe_problems
from osmia_api.resource.base import ResourceModel
from osmia_api.yaml_document import Document, YamlError, parse_document

Model = TypeVar("Model", bound=ResourceModel)


def load_resource(yaml_text: str | bytes, kinds: Mapping[str, type[Model]], expected: str) -> Model:
    """Read one object from YAML. `expected` says in words what it should be.

    Raises InvalidObjectError with every problem, and the lines of the text where they are.
    """
    try:
        document = parse_document(yaml_text)
    except YamlError as error:
        raise InvalidObjectError([Problem((), error.message, error.line)]) from None
    return _read(document.value, document, kinds, expected)


def resource_from_object(
    manifest: object, kinds: Mapping[str, type[Model]], expected: str
) -> Model:
    """Read an object as the API server gives it. Raises InvalidObjectError with every problem."""
    return _read(manifest, None, kinds, expected)


def _read(
    value: object, document: Document | None, kinds: Mapping[str, type[Model]], expected: str
) -> Model:
    def line(path: Path) -> int | None:
        return document.line(path) if document else None

    if not isinstance(value, Mapping):
        what = "the document is empty" if value is None else "not a mapping"
        message = f"{what}; expected {expected} with apiVersion, kind, metadata and spec"
        raise InvalidObjectError([Problem((), message, line(()))])
    kind = value.get("kind")
    model = kinds.get(kind) if isinstance(kind, str) else None
    if model is None:
        given = f'"{kind}"' if isinstance(kind, str) and kind else "required"
        message = f"{given}; expected {' or '.join(kinds)}"
        raise InvalidObjectError([Problem(("kind",), message, line(("kind",)))])
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise InvalidObjectError(describe_problems(error, model, line)) from None
