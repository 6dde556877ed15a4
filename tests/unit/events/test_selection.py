from __future__ import annotations

from osmia_events.model import Pod, Process, wire_fields
from osmia_events.selection import EVERYTHING, Selection


def test_of_a_message_that_is_named_only_the_named_fields_are_wanted() -> None:
    selection = Selection({Pod: ("workload", "name")})

    assert [field.name for field in selection.fields(Pod)] == ["name", "workload"]
    assert not selection.is_whole(Pod)


def test_of_other_messages_all_fields_are_wanted() -> None:
    for selection in (EVERYTHING, Selection({Pod: ()})):
        assert selection.fields(Process) == wire_fields(Process)
        assert selection.is_whole(Process)


def test_selections_may_be_keys() -> None:
    assert len({EVERYTHING, Selection({Pod: ()}), Selection({Pod: ()})}) == 3


def test_without_some_attributes() -> None:
    selection = Selection({Pod: ("workload", "name")}).without(Pod, "name").without(Process, "pod")

    assert [field.name for field in selection.fields(Pod)] == ["workload"]
    left = [field.name for field in selection.fields(Process)]
    assert left == [field.name for field in wire_fields(Process) if field.name != "pod"]
