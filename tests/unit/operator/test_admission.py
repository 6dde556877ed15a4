"""Answers to the API server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from osmia_operator.admission import BadReviewError, answer, build_configuration, is_in_place

from .objects import policy


def review(manifest: object, before: object = None) -> dict[str, Any]:
    return {"request": {"uid": "1", "object": manifest, "oldObject": before}}


def export_config(regex: str) -> dict[str, Any]:
    return {
        "apiVersion": "osmia.dev/v1alpha1",
        "kind": "ExportConfig",
        "metadata": {"name": "web"},
        "spec": {"sink": {"stdout": {}}, "denyList": [{"binaryRegex": [regex]}]},
    }


def test_allowed() -> None:
    answered = answer(review(export_config("(sh)")))
    assert answered["response"] == {"uid": "1", "allowed": True}
    assert answer(review(policy("web")))["response"]["allowed"]


def test_denied_with_place_value_and_what_would_be_right() -> None:
    response = answer(review(export_config("(sh")))["response"]
    assert not response["allowed"]
    assert response["status"]["reason"] == "Invalid"
    assert response["status"]["message"] == (
        'spec.denyList[0].binaryRegex[0]: missing closing ): "(sh"'
    )


def test_an_object_whose_spec_stays_may_be_labelled_and_deleted() -> None:
    before = export_config("(sh")
    after = json.loads(json.dumps(before))
    after["metadata"]["labels"] = {"a": "b"}
    assert answer(review(after, before))["response"]["allowed"]
    assert answer(review(None, before))["response"]["allowed"]


@pytest.mark.parametrize("sent", [None, [], {}, {"request": {}}, {"request": {"uid": 1}}])
def test_no_review(sent: object) -> None:
    with pytest.raises(BadReviewError, match="AdmissionReview"):
        answer(sent)


def test_configuration() -> None:
    wanted = build_configuration({"url": "https://a/validate"}, b"ca")
    (hook,) = wanted["webhooks"]
    assert hook["failurePolicy"] == "Ignore"
    assert hook["clientConfig"] == {"url": "https://a/validate", "caBundle": "Y2E="}
    resources = {plural for rule in hook["rules"] for plural in rule["resources"]}
    assert resources == {"tracingpolicies", "tracingpoliciesnamespaced", "exportconfigs"}
    defaulted = json.loads(json.dumps(wanted))
    defaulted["webhooks"][0]["namespaceSelector"] = {}
    assert is_in_place(defaulted, wanted)
    assert not is_in_place(None, wanted)
    assert not is_in_place(defaulted, build_configuration({"url": "https://a/validate"}, b"cb"))
    assert not is_in_place({"webhooks": []}, wanted)
