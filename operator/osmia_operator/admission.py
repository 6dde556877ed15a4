"""Admission: the checks of `validation`, answered while an object is written. Pure."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from osmia_api.kube.resource_type import SOURCE_TYPES, WEBHOOK_CONFIGURATIONS
from osmia_operator.validation import Rejection, validate

if TYPE_CHECKING:
    from collections.abc import Mapping

CONFIGURATION_NAME = "osmia-operator"
API_VERSION = "admission.k8s.io/v1"
_TIMEOUT_S = 5


class BadReviewError(ValueError):
    """What was sent is no AdmissionReview; the message says why."""


def answer(review: object) -> dict[str, Any]:
    """Answer an AdmissionReview. Raises BadReviewError."""
    request = review.get("request") if isinstance(review, dict) else None
    if not isinstance(request, dict) or not isinstance(request.get("uid"), str):
        raise BadReviewError(f"an AdmissionReview of {API_VERSION} with a request is needed")
    response: dict[str, Any] = {"uid": request["uid"], "allowed": True}
    rejection = _check(request.get("object"), request.get("oldObject"))
    if rejection is not None:
        response["allowed"] = False
        response["status"] = {
            "code": 422,
            "reason": rejection.reason,
            "message": rejection.message,
        }
    return {"apiVersion": API_VERSION, "kind": "AdmissionReview", "response": response}


def _check(manifest: object, before: object) -> Rejection | None:
    if not isinstance(manifest, dict) or manifest.get("kind") not in SOURCE_TYPES:
        return None
    if isinstance(before, dict) and before.get("spec") == manifest.get("spec"):
        # What is there may be labelled and deleted, whatever it holds.
        return None
    metadata = manifest.get("metadata") or {}
    # Names that are still to be made, and ids, come after admission.
    complete = {"name": f"{metadata.get('generateName', '')}x", "uid": "admission", **metadata}
    verdict = validate({**manifest, "metadata": complete})
    return verdict if isinstance(verdict, Rejection) else None


def build_configuration(client_config: Mapping[str, Any], ca: bytes) -> dict[str, Any]:
    """Build the ValidatingWebhookConfiguration; `client_config` says where the webhook is.

    While no operator answers, objects are let through: their status then tells what is wrong.
    """
    rules: dict[tuple[str, str], list[str]] = {}
    for kind in SOURCE_TYPES.values():
        rules.setdefault((kind.group, kind.version), []).append(kind.plural)
    return {
        "apiVersion": WEBHOOK_CONFIGURATIONS.api_version,
        "kind": WEBHOOK_CONFIGURATIONS.kind,
        "metadata": {"name": CONFIGURATION_NAME},
        "webhooks": [
            {
                "name": "validate.osmia.dev",
                "clientConfig": {**client_config, "caBundle": base64.b64encode(ca).decode()},
                "rules": [
                    {
                        "apiGroups": [group],
                        "apiVersions": [version],
                        "operations": ["CREATE", "UPDATE"],
                        "resources": plurals,
                        "scope": "*",
                    }
                    for (group, version), plurals in rules.items()
                ],
                "failurePolicy": "Ignore",
                "matchPolicy": "Equivalent",
                "sideEffects": "None",
                "timeoutSeconds": _TIMEOUT_S,
                "admissionReviewVersions": ["v1"],
            }
        ],
    }


def is_in_place(existing: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> bool:
    """Tell whether a configuration says all that it should; defaults may have been added."""
    return existing is not None and _covers(existing.get("webhooks"), wanted["webhooks"])


def _covers(found: object, wanted: object) -> bool:
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(
            _covers(found.get(name), value) for name, value in wanted.items()
        )
    if isinstance(wanted, list):
        return (
            isinstance(found, list)
            and len(found) == len(wanted)
            and all(_covers(*pair) for pair in zip(found, wanted, strict=True))
        )
    return found == wanted
