"""`kubectl apply` of policies for some workloads: operator, agent, kernel and real containers."""

from __future__ import annotations

import pytest

from tests.bpf.agent import wait_until
from tests.cluster.api_server import ApiServer, build
from tests.cluster.cluster import running
from tests.cluster.conftest import install_crds
from tests.containers.container_events import events_of
from tests.containers.test_policies import container_of, is_killed, is_killed_on_host, policy


@pytest.fixture
def kubeconfig(possible):
    """Of a server that knows the custom resources."""
    server = ApiServer(build())
    install_crds(server.kubeconfig)
    yield server.kubeconfig
    server.close()


@pytest.fixture
def cluster(kubeconfig, tmp_path):
    """Its user, and an operator that is at work."""
    for found in running(kubeconfig, tmp_path, clear=False):
        found.start_operator()
        yield found


def test_it_kills_in_its_namespace_only_and_as_long_as_it_is_there(cluster, node, start_agent):
    node.add_node()
    agent = start_agent("--namespace", cluster.namespace)
    _, inside = container_of(node, "web", "prod")
    _, outside = container_of(node, "web", "staging")
    assert not is_killed(inside)

    cluster.apply(policy("no-signal", "prod"))
    cluster.wait("tracingpolicynamespaced/no-signal", "Ready", "-n", "prod")
    # Ready is in force: nothing has to be waited for.
    assert is_killed(inside)
    assert not is_killed(outside)
    assert not is_killed_on_host()
    told = wait_until(lambda: of_policy(agent, inside), 10, "an event")
    assert {each["policy_name"] for each in told} == {"no-signal"}
    assert {each["action"] for each in told} == {"KPROBE_ACTION_SIGKILL"}
    assert {each["process"]["pod"]["namespace"] for each in told} == {"prod"}
    assert of_policy(agent, outside) == []

    # The same of another namespace is another policy.
    cluster.apply(policy("no-signal", "staging", action="Post"))
    cluster.wait("tracingpolicynamespaced/no-signal", "Ready", "-n", "staging")
    assert not is_killed(outside)
    assert is_killed(inside)
    wait_until(lambda: of_policy(agent, outside), 10, "an event that kills nobody")

    cluster.kubectl("delete", "tracingpolicynamespaced", "no-signal", "-n", "prod")
    wait_until(lambda: not is_killed(inside), 10, "the end of the policy")
    before = len(of_policy(agent, outside))
    assert not is_killed(outside)
    wait_until(lambda: len(of_policy(agent, outside)) > before, 10, "that the other is at work")


def test_pods_are_selected_by_labels_as_kubectl_changes_them(cluster, node, start_agent):
    node.add_node()
    start_agent("--namespace", cluster.namespace)
    _, web = container_of(node, "web", "prod", app="web")
    _, cart = container_of(node, "cart", "prod", app="cart")
    cluster.apply(policy("no-signal", podSelector={"matchLabels": {"strict": "yes"}}))
    cluster.wait("tracingpolicy/no-signal", "Ready")
    assert not is_killed(web)
    cluster.kubectl("label", "pod", "web", "strict=yes", "-n", "prod")
    wait_until(lambda: is_killed(web), 5, "its end")
    assert not is_killed(cart)
    cluster.kubectl("label", "pod", "web", "strict-", "-n", "prod")
    wait_until(lambda: not is_killed(web), 5, "its life")


def of_policy(agent, container):
    return [body for kind, body in events_of(agent, container) if kind == "process_tracepoint"]
