from __future__ import annotations

import pytest

from osmia_api.tracing_policy import load_policy
from osmia_bpf.policy.scope import EVERYTHING, Scope, scope_of, scope_of_workloads

HEAD = "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {name: x}\n"
WEB = "podSelector: {matchLabels: {app: web}}"
SIDECAR = "containerSelector: {matchExpressions: [{key: name, operator: In, values: [side]}]}"


def scope(*selectors: str) -> Scope:
    spec = ", ".join(selectors)
    hook = "tracepoints: [{subsystem: sched, event: sched_process_exec}]"
    return scope_of(load_policy(f"{HEAD}spec: {{{', '.join(filter(None, (spec, hook)))}}}"))


REPOSITORY = (
    "containerSelector: {matchExpressions: "
    "[{key: repo, operator: In, values: [docker.io/library/nginx]}]}"
)


# of the pod default/web and its containers main (docker.io/library/nginx) and side, of the pod
# default/db, and of the host
@pytest.mark.parametrize(
    ("selectors", "main", "side", "other", "host"),
    [
        ((WEB,), True, True, False, False),
        ((SIDECAR,), False, True, False, False),
        ((WEB, SIDECAR), False, True, False, False),
        (("hostSelector: {}",), False, False, False, True),
        (("hostSelector: {}", WEB), True, True, False, True),
        (("hostSelector: {}", "podSelector: {}", SIDECAR), False, True, False, True),
        (("podSelector: {}",), True, True, True, False),
        (("containerSelector: {}",), True, True, True, False),
        (
            ("podSelector: {matchLabels: {'k8s:io.kubernetes.pod.namespace': default}}",),
            *(True, True, True, False),
        ),
        (
            ("podSelector: {matchExpressions: [{key: tier, operator: NotIn, values: [a]}]}",),
            *(True, True, True, False),
        ),
        (
            (REPOSITORY,),
            *(True, False, False, False),
        ),
        (
            ("podSelector: {matchExpressions: [{key: app, operator: Exists}]}",),
            *(True, True, False, False),
        ),
        (
            ("podSelector: {matchExpressions: [{key: app, operator: DoesNotExist}]}",),
            *(False, False, True, False),
        ),
    ],
)
def test_selection(selectors, main, side, other, host):
    found = scope(*selectors)
    assert not found.is_everything
    web = found.has_pod("default", {"app": "web"})
    assert (web and found.has_container("main", "docker.io/library/nginx")) is main
    assert (web and found.has_container("side", "docker.io/x")) is side
    assert (found.has_pod("default", {}) and found.has_container("db", "y")) is other
    assert found.host is host


def test_everything():
    assert scope().is_everything
    assert scope("hostSelector: {}", "podSelector: {}", "containerSelector: {}").is_everything
    assert scope_of_workloads(None) == EVERYTHING


def test_namespace():
    text = HEAD.replace("TracingPolicy", "TracingPolicyNamespaced").replace(
        "{name: x}", "{name: x, namespace: prod}"
    )
    found = scope_of(
        load_policy(text + "spec: {tracepoints: [{subsystem: sched, event: sched_process_exec}]}")
    )
    assert found == Scope(namespace="prod")
    assert not found.is_everything
    assert found.has_pod("prod", {})
    assert not found.has_pod("default", {})
