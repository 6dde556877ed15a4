from __future__ import annotations

from osmia_cli.tree.model import ProcessTree
from osmia_cli.tree.view import tree_lines
from osmia_events.model import Event, KprobeAction, Pod, Process, ProcessExec, ProcessExit
from osmia_events.model import ProcessKprobe as Kprobe

POD = Pod(namespace="shop", name="web")
SHELL = Process(exec_id="a", pid=1, binary="/bin/sh", pod=POD)
CURL = Process(
    exec_id="b", pid=2, binary="/usr/bin/curl", arguments="-s x", parent_exec_id="a", pod=POD
)
EVIL = Process(exec_id="c", pid=2, binary="/tmp/\x1b[31m", parent_exec_id="b", pod=POD)
ELSE = Process(exec_id="d", pid=3, binary="/bin/ls", parent_exec_id="a")


def test_lines() -> None:
    tree = ProcessTree()
    tree.add_all(
        [
            Event(ProcessExec(CURL, SHELL)),
            Event(ProcessExec(EVIL, CURL)),
            Event(ProcessExec(ELSE, SHELL)),
            Event(Kprobe(CURL, function_name="f", policy_name="p")),
            Event(Kprobe(CURL, function_name="f", policy_name="p")),
            Event(Kprobe(EVIL, function_name="f", action=KprobeAction.KPROBE_ACTION_SIGKILL)),
            Event(ProcessExit(EVIL, signal="SIGKILL")),
            Event(ProcessExit(ELSE, status=0)),
        ]
    )
    assert [line.plain for line in tree_lines(tree)] == [
        "1 /bin/sh  shop/web",
        "├─ 2 /usr/bin/curl -s x  ⚑ p: f (2)",
        "│  └─ exec /tmp/\\x1b[31m  → SIGKILL  ⚑ f SIGKILL",
        "└─ 3 /bin/ls  → 0",
    ]


def test_a_deep_tree() -> None:
    tree = ProcessTree()
    for number in range(5000):
        child = Process(exec_id=str(number), parent_exec_id=str(number - 1), pid=number)
        tree.add(Event(ProcessExec(child)))
    assert sum(1 for _ in tree_lines(tree)) == 5000
    assert len(tree.to_object()) == 5000
