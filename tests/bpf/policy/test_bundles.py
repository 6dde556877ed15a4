"""What is told of the cluster's policies when somebody changes them by the API of the node."""

from osmia_agent.bundles.policies import PolicyBundles
from osmia_agent.kube.outcome import Outcome, State
from osmia_agent.policies import K8S, PolicyKey, PolicyManager
from tests.bpf.policy.node import Node
from tests.unit.agent.kube.bundles import policy

KILL = {
    "tracepoints": [
        {
            "subsystem": "syscalls",
            "event": "sys_enter_access",
            "args": [{"index": 5, "type": "string"}],
            "selectors": [
                {
                    "matchArgs": [{"index": 5, "operator": "Prefix", "values": ["/osmia-nobody"]}],
                    "matchActions": [{"action": "Sigkill"}],
                }
            ],
        }
    ]
}


def test_what_somebody_does_by_the_api_is_told(tmp_path):
    node = Node(tmp_path)
    manager = PolicyManager(lambda: node.sensor)
    changes = []
    manager.on_change = lambda: changes.append(1)
    bundle, key = policy("kill", **KILL), PolicyKey("kill", "", K8S)
    bundles = PolicyBundles(manager)

    def told():
        shown = []
        bundles.apply({bundle.id: bundle}, (), shown.append)
        return shown[-1][bundle.id]

    try:
        loaded = Outcome(bundle.short_hash, State.LOADED)
        assert told() == loaded
        manager.disable(key)
        assert (
            told()
            == told()
            == loaded._replace(state=State.DISABLED, reason="disabled by the API of this node")
        )
        manager.enable(key)
        assert told() == loaded
        manager.set_mode(key, "monitor")
        assert told() == loaded._replace(
            state=State.FAILED, reason="put into mode monitor by the API of this node"
        )
        manager.set_mode(key, "enforce")
        assert told() == loaded
        manager.remove(key)
        assert told() == loaded._replace(
            state=State.DISABLED, reason="removed by the API of this node"
        )
        assert len(changes) == 5
    finally:
        manager.close()
