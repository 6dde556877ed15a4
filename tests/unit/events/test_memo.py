from __future__ import annotations

from osmia_events.memo import forget_dead, new_key, remember
from osmia_events.model import Process


class Stage:
    def __init__(self) -> None:
        self.key = new_key(self)


def answers(process: Process) -> dict[object, object]:
    return {key: value for key, value in (process.memo or {}).items() if type(key) is int}


def test_answers_are_kept_by_key() -> None:
    process, one, other = Process(), Stage(), Stage()
    remember(process, one.key, "one")
    remember(process, other.key, None)
    assert answers(process) == {one.key: "one", other.key: None}


def test_answers_of_stages_that_are_gone_go_with_the_next_addition() -> None:
    process, lasting = Process(), Stage()
    remember(process, lasting.key, "kept")
    for number in range(100):
        remember(process, Stage().key, number)
        assert len(answers(process)) <= 2
    assert answers(process)[lasting.key] == "kept"


def test_a_table_can_be_swept() -> None:
    processes = [Process() for _ in range(3)]
    stage, lasting = Stage(), Stage()
    for process in processes[:2]:
        remember(process, stage.key, 1)
        remember(process, lasting.key, 2)
    processes[0].memo["encoded"] = b"kept"  # type: ignore[index]  # just remembered
    del stage
    forget_dead(processes)
    assert [answers(each) for each in processes] == [{lasting.key: 2}, {lasting.key: 2}, {}]
    assert processes[0].memo is not None
    assert processes[0].memo["encoded"] == b"kept"
