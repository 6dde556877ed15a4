from __future__ import annotations

import pytest

from osmia_agent.enrich import PodWait
from osmia_events.model import Event, Process, ProcessExec, ProcessExit
from tests.unit.agent.process.test_pods import ONE, SHIP, TWO, Directory, Node

HOST = Process(exec_id="host", pid=1, binary="/sbin/init")


class Stage(Node):
    """The stage above a node whose pods come when the test says so."""

    def __init__(self, max_waiting=100):
        super().__init__()
        self.wait = PodWait(self.pods, max_waiting)

    def executed(self, container=ONE, parent=HOST, **options):
        image = self.image(container, **options) if container else None
        process = image.process if image else HOST
        return Event(body=ProcessExec(process=process, parent=parent))

    def exited(self, executed):
        return Event(body=ProcessExit(process=executed.body.process, parent=executed.body.parent))


@pytest.fixture
def stage():
    return Stage()


def pods(events):
    return [event.body.process.pod and event.body.process.pod.name for event in events]


def test_nothing_waits_without_containers(stage):
    events = [stage.executed("")]
    assert stage.wait.take(events) is events
    assert not stage.wait.waits


def test_pod_that_comes_late(stage):
    executed = stage.executed()
    child = stage.executed(parent=executed.body.process)
    host = stage.executed("")
    assert stage.wait.take([executed, host, child]) == [host]
    assert stage.wait.take([stage.exited(executed)]) == []
    assert stage.wait.waits
    stage.directory = Directory({ONE: SHIP})
    due = stage.wait.due()
    assert [type(event.body) for event in due] == [ProcessExec, ProcessExec, ProcessExit]
    assert pods(due) == ["xwing"] * 3
    assert due[1].body.parent is due[0].body.process
    assert due[1].body.parent.pod.name == "xwing"
    assert due[2].body.process is due[0].body.process  # still one object, written once
    counts = stage.wait.counts()
    assert (counts.waiting, counts.held, counts.released) == (0, 3, {"found": 3})
    assert counts.incomplete == {}
    assert not stage.wait.waits


def test_pod_that_comes_between_an_exec_and_its_event(stage):
    executed = stage.executed()
    stage.directory = Directory({ONE: SHIP})
    assert pods(stage.wait.take([executed])) == ["xwing"]


def test_deadline(stage):
    executed = stage.executed()
    assert stage.wait.take([executed]) == []
    stage.now_s += 5
    assert stage.wait.due() == [executed]
    later = stage.executed(parent=executed.body.process)
    assert stage.wait.take([later]) == [later]  # the container was waited for once
    counts = stage.wait.counts()
    assert counts.released == {"deadline": 1}
    assert counts.incomplete == {("pod_info", "PROCESS_EXEC"): 1}


def test_order_within_a_process(stage):
    """A process that moves from one container into another and to the host."""
    first = stage.executed(ONE)
    pid = first.body.process.pid
    second = Event(body=ProcessExec(process=Process(exec_id="b", pid=pid), parent=HOST))
    other = stage.executed(TWO)
    assert stage.wait.take([first, second, other]) == []
    stage.directory = Directory({TWO: SHIP})
    assert pods(stage.wait.due()) == ["xwing"]
    stage.directory = Directory({ONE: SHIP, TWO: SHIP})
    due = stage.wait.due()
    assert [event.body.process.exec_id for event in due] == [first.body.process.exec_id, "b"]


def test_event_waits_for_its_parent(stage):
    parent = stage.executed().body.process
    event = Event(body=ProcessExec(process=Process(exec_id="c", pid=77), parent=parent))
    assert stage.wait.take([event]) == []
    stage.now_s += 5
    assert stage.wait.due() == [event]
    assert stage.wait.counts().incomplete == {("parent_info", "PROCESS_EXEC"): 1}


def test_too_many(stage):
    stage = Stage(max_waiting=2)
    first, second, other = stage.executed(ONE), stage.executed(ONE), stage.executed(TWO)
    assert stage.wait.take([first, second, other]) == [first, second]
    counts = stage.wait.counts()
    assert (counts.waiting, counts.released) == (1, {"full": 2})


def test_stop(stage):
    executed = stage.executed()
    stage.wait.take([executed])
    assert stage.wait.flush() == [executed]
    assert stage.wait.flush() == []
    assert stage.wait.counts().released == {"stopped": 1}


def test_copy_of_a_process_keeps_what_is_its_own(stage):
    process = stage.executed().body.process
    copy = process.replaced(tid=99)
    ancestor = Event(body=ProcessExec(process=HOST, parent=HOST, ancestors=(process,)))
    stage.wait.take([Event(body=ProcessExec(process=copy, parent=HOST)), ancestor])
    stage.directory = Directory({ONE: SHIP})
    first, second = stage.wait.due()
    assert (first.body.process.tid, first.body.process.pod.name) == (99, "xwing")
    assert second.body.ancestors[0].pod.name == "xwing"


def test_events_without_a_process_pass(stage):
    stage.executed()
    event = Event(body=None, node_name="n")
    assert stage.wait.take([event]) == [event]
