"""From YAML, or from an object of the API, to a policy."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

from osmia_api.problems import InvalidObjectError, Path, Problem, describe_problems
from osmia_api.tracing_policy.policy import Policy, TracingPolicy, TracingPolicyNamespaced
from osmia_api.yaml_document import Document, YamlError, parse_document

_KINDS: dict[str, type[Policy]] = {
    "TracingPolicy": TracingPolicy,
    "TracingPolicyNamespaced": TracingPolicyNamespaced,
}


def load_policy(yaml_text: str | bytes) -> Policy:
    """Read a policy from YAML, and check all that the schema demands.

    What upstream accepts in a policy file is accepted, what it rejects is rejected; so is a second
    document, which upstream would leave out without a word.

    Raises InvalidObjectError with every problem, and the lines of the text where they are.
    """
    try:
        document = parse_document(yaml_text)
    except YamlError as error:
        raise InvalidObjectError([Problem((), error.message, error.line)]) from None
    return _read(document.value, document)


def policy_from_object(manifest: Mapping[str, object]) -> Policy:
    """Read a policy from an object as the API server gives it.

    Raises InvalidObjectError with every problem.
    """
    return _read(manifest, None)


def _read(value: object, document: Document | None) -> Policy:
    def line(path: Path) -> int | None:
        return document.line(path) if document else None

    if not isinstance(value, Mapping):
        what = "the document is empty" if value is None else "not a mapping"
        message = f"{what}; expected a policy with apiVersion, kind, metadata and spec"
        raise InvalidObjectError([Problem((), message, line(()))])
    kind = value.get("kind")
    model = _KINDS.get(kind) if isinstance(kind, str) else None
    if model is None:
        given = f'"{kind}"' if isinstance(kind, str) and kind else "required"
        message = f"{given}; expected {' or '.join(_KINDS)}"
        raise InvalidObjectError([Problem(("kind",), message, line(("kind",)))])
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise InvalidObjectError(describe_problems(error, model, line)) from None
