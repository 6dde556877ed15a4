from __future__ import annotations

from typing import Any

from osmia_cli.events_request import events_request
from osmia_cli.filter_flags import _FLAGS, pipeline_object
from osmia_events import messages
from osmia_events.config import parse_pipeline

NOTHING: dict[str, Any] = {
    **{flag.field: () for flag in _FLAGS},
    "host": False,
    "include": (),
    "exclude": (),
}


def request_of(**wanted: Any) -> Any:
    data = events_request(parse_pipeline(pipeline_object({**NOTHING, **wanted})))
    return messages.message_class("GetEventsRequest").FromString(data)


def test_without_conditions_there_is_no_filter() -> None:
    assert request_of() == messages.message_class("GetEventsRequest")()


def test_all_conditions_are_one_filter() -> None:
    request = request_of(
        event_set=("PROCESS_EXEC", "PROCESS_EXIT"),
        namespace=("shop",),
        host=True,
        namespace_regex=("^a",),
        binary_regex=("curl,wget", "a{1,2}"),
        pod_regex=("x",),
        container_name_regex=("c",),
        policy_names=("p",),
        cel_expression=("process_exec.process.binary == 'a,b'",),
    )
    expected = messages.message_class("Filter")(
        event_set=[1, 5],
        namespace=["shop", ""],
        namespace_regex=["^a"],
        binary_regex=["curl", "wget", "a{1,2}"],
        pod_regex=["x"],
        container_name_regex=["c"],
        policy_names=["p"],
        cel_expression=["process_exec.process.binary == 'a,b'"],
    )
    assert list(request.allow_list) == [expected]


def test_fields() -> None:
    request = request_of(include=("process,parent.pod",), exclude=("process.pid",))
    first, second = request.field_filters
    assert (list(first.fields.paths), first.action) == (["process", "parent.pod"], 0)
    assert (list(second.fields.paths), second.action) == (["process.pid"], 1)
