"""What the options make of the watch of a node's pods."""

from __future__ import annotations

import json

import pytest

from osmia_agent.assembly.pods import node_labels, node_pods
from osmia_agent.settings import load_settings
from osmia_events.config_errors import ConfigError
from tests.unit.agent.kube.test_pod_index import pod


class Workloads:
    """Takes the state of the pods."""

    def __init__(self):
        self.told = []

    def pods_changed(self, directory):
        self.told.append(directory)


def watched(folder, *options):
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "c",
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:9"}}],
                "users": [{"name": "u", "user": {}}],
            }
        )
    )
    settings = load_settings(("--kubeconfig", str(kubeconfig), *options), {}).settings
    workloads = Workloads()
    return node_pods(settings, "node-a", workloads), workloads


def test_workloads_are_told_of_pods(tmp_path):
    pods, workloads = watched(tmp_path)
    pods.index.replaced([pod(annotations={"note": "x"})])
    assert workloads.told == [pods.directory()]
    assert pods.directory().pods["u1"].pod_annotations == {}


def test_options(tmp_path):
    options = ("--enable-pod-annotations", "--deleted-pod-cache-size", "1")
    pods, _ = watched(tmp_path, *options)
    pods.index.replaced([pod(annotations={"note": "x"}), pod("db", "u2", "2" * 64)])
    assert pods.directory().pods["u1"].pod_annotations == {"note": "x"}
    pods.index.replaced([])
    assert len(pods.directory().pods) == 1


def test_a_server_that_cannot_be_found_is_told_with_the_option(tmp_path):
    settings = load_settings(("--kubeconfig", str(tmp_path / "none")), {}).settings
    message = f"enable-k8s-api: .*{tmp_path}/none"
    with pytest.raises(ConfigError, match=message):
        node_pods(settings, "node-a", Workloads())
    with pytest.raises(ConfigError, match=message):
        node_labels(settings, "node-a")
