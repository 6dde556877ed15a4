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


def test_of_a_narrow_line_the_end_and_the_policies_are_seen() -> None:
    tree = ProcessTree()
    shell = Process(exec_id="s", pid=1, binary="/bin/sh", arguments="x" * 200)
    child = Process(
        exec_id="c", parent_exec_id="s", pid=2, binary="/bin/cat", arguments="/a/b " * 40
    )
    tree.add(Event(ProcessExec(shell)))
    tree.add(Event(ProcessExec(child)))
    tree.add(Event(Kprobe(child, function_name="f", policy_name="p")))
    tree.add(Event(ProcessExit(child, status=3)))
    first, second = tree_lines(tree, 50)
    assert (first.cell_len, second.cell_len) == (50, 50)
    assert first.plain.endswith("x…")
    assert second.plain.startswith("└─ 2 /bin/cat /a/b /a/b")
    assert second.plain.endswith("…  → 3  ⚑ p: f")
    for narrow in tree_lines(tree, 12):
        assert narrow.cell_len == 12
    assert max(line.cell_len for line in tree_lines(tree)) > 200
