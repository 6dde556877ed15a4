from __future__ import annotations

import json
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from osmia_events import messages
from osmia_events.json_encoder import JsonEncoder, encode_message, remembered_process_json
from osmia_events.model import (
    ARGUMENT_KINDS,
    EVENT_BODIES,
    AggregationInfo,
    Capabilities,
    CapabilitiesType,
    Container,
    Event,
    KprobeAction,
    KprobeArgument,
    KprobeBpfAttr,
    KprobeSock,
    Pod,
    Process,
    ProcessExec,
    ProcessExit,
    ProcessKprobe,
    ProcessLoader,
    ProcessThrottle,
    RateLimitInfo,
    SecurityContext,
    StackTraceEntry,
)
from osmia_events.protobuf import to_protobuf
from tests.strategies import broken_texts, events, every_argument, every_field
from tests.strategies import messages as messages_of

encode = JsonEncoder().encode


def as_protobuf_writes(event: Event) -> Any:
    response = messages.message_class("GetEventsResponse").FromString(to_protobuf(event))
    return json_format.MessageToDict(response, preserving_proto_field_name=True)


def test_one_line_ends_with_a_line_feed_and_has_no_blanks() -> None:
    event = Event(ProcessExec(Process(binary="/bin/a", pid=1), Process(pid=0)), "node", 5)

    assert encode(event) == (
        b'{"process_exec":{"process":{"pid":1,"binary":"/bin/a"},"parent":{"pid":0}},'
        b'"node_name":"node","time":"1970-01-01T00:00:00.000000005Z"}\n'
    )


def test_keys_are_in_declaration_order_and_maps_are_sorted() -> None:
    kprobe = ProcessKprobe(
        policy_name="p",
        function_name="f",
        return_=KprobeArgument("int_arg", 0),
        args=(KprobeArgument("string_arg", "s", label="a label"),),
        action=KprobeAction.KPROBE_ACTION_POST,
    )
    event = Event(kprobe, "n", 0, AggregationInfo(3), "c", {"z": "1", "é": "2", "a": "3"})

    assert encode(event).decode() == (
        '{"process_kprobe":{"function_name":"f","args":[{"string_arg":"s","label":"a label"}],'
        '"return":{"int_arg":0},"action":"KPROBE_ACTION_POST","policy_name":"p"},"node_name":"n",'
        '"time":"1970-01-01T00:00:00Z","aggregation_info":{"count":"3"},"cluster_name":"c",'
        '"node_labels":{"a":"3","z":"1","é":"2"}}\n'
    )


@pytest.mark.parametrize(
    ("process", "expected"),
    [
        (Process(), "{}"),
        (Process(uid=0, tid=0, auid=4294967295), '{"uid":0,"auid":4294967295,"tid":0}'),
        (Process(in_init_tree=False), '{"in_init_tree":false}'),
        (Process(refcnt=0, flags="", docker=""), "{}"),
        (Process(pod=Pod()), '{"pod":{}}'),
        (
            Process(pod=Pod(container=Container(security_context=SecurityContext()))),
            '{"pod":{"container":{"security_context":{}}}}',
        ),
        (Process(start_time=0), '{"start_time":"1970-01-01T00:00:00Z"}'),
        (
            Process(cap=Capabilities(effective=(CapabilitiesType.DAC_OVERRIDE, 0, 63))),
            '{"cap":{"effective":["DAC_OVERRIDE","CAP_CHOWN",63]}}',
        ),
        (
            Process(arguments='<&> "\\" \b\f\n\r\t\x01\x1f\x7f \u2028 \U0001f680'),
            r'{"arguments":"<&> \"\\\" \b\f\n\r\t\u0001\u001f' + '\x7f \u2028 \U0001f680"}',
        ),
    ],
)
def test_presence_enumerations_and_escapes_of_a_process(process: Process, expected: str) -> None:
    assert encode_message(process).decode() == expected


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        (KprobeArgument(), "{}"),
        (KprobeArgument(label="l"), '{"label":"l"}'),
        (KprobeArgument("int_arg", 0), '{"int_arg":0}'),
        (KprobeArgument("int_arg", -1), '{"int_arg":-1}'),
        (KprobeArgument("uint_arg", 4294967295), '{"uint_arg":4294967295}'),
        (KprobeArgument("size_arg", 12), '{"size_arg":"12"}'),
        (KprobeArgument("size_arg", 0), '{"size_arg":"0"}'),
        (KprobeArgument("long_arg", -(1 << 63)), '{"long_arg":"-9223372036854775808"}'),
        (KprobeArgument("string_arg", ""), '{"string_arg":""}'),
        (KprobeArgument("bytes_arg", b"\xfb\xff\x00"), '{"bytes_arg":"+/8A"}'),
        (KprobeArgument("bytes_arg", b""), '{"bytes_arg":""}'),
        (KprobeArgument("bpf_cmd_arg", 0), '{"bpf_cmd_arg":"BPF_MAP_CREATE"}'),
        (KprobeArgument("bpf_cmd_arg", 99), '{"bpf_cmd_arg":99}'),
        (
            KprobeArgument("sock_arg", KprobeSock(family="AF_INET", cookie=7)),
            '{"sock_arg":{"family":"AF_INET","cookie":"7"}}',
        ),
        (
            KprobeArgument("bpf_attr_arg", KprobeBpfAttr("t", 3, "n")),
            '{"bpf_attr_arg":{"ProgType":"t","InsnCnt":3,"ProgName":"n"}}',
        ),
    ],
)
def test_arguments(argument: KprobeArgument, expected: str) -> None:
    assert encode_message(argument).decode() == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (ProcessExec(), {"process_exec": {}}),
        (
            ProcessExit(status=60, time=0),
            {"process_exit": {"status": 60, "time": "1970-01-01T00:00:00Z"}},
        ),
        (ProcessLoader(buildid=b"\x00\x01"), {"process_loader": {"buildid": "AAE="}}),
        (ProcessThrottle(1, "c"), {"process_throttle": {"type": "THROTTLE_START", "cgroup": "c"}}),
        (
            RateLimitInfo(1 << 63),
            {"rate_limit_info": {"number_of_dropped_process_events": str(1 << 63)}},
        ),
        (
            ProcessKprobe(kernel_stack_trace=(StackTraceEntry(1, 2, "s", "m"), StackTraceEntry())),
            {
                "process_kprobe": {
                    "kernel_stack_trace": [
                        {"address": "1", "offset": "2", "symbol": "s", "module": "m"},
                        {},
                    ]
                }
            },
        ),
        (None, {}),
    ],
)
def test_bodies(body: Any, expected: dict[str, Any]) -> None:
    assert json.loads(encode(Event(body))) == expected


@pytest.mark.parametrize("name", EVENT_BODIES)
def test_every_field_is_written_as_protobuf_writes_it(name: str) -> None:
    event: Event = every_field(Event)
    event.body = every_field(EVENT_BODIES[name])

    assert json.loads(encode(event)) == as_protobuf_writes(event)


def test_every_kind_of_argument_is_covered_by_the_test_above() -> None:
    assert [argument.kind for argument in every_argument()] == list(ARGUMENT_KINDS)


@given(events())
def test_equals_protobufs_own_json(event: Event) -> None:
    assert json.loads(encode(event)) == as_protobuf_writes(event)


@given(events(broken_texts))
def test_text_that_utf_8_cannot_hold_loses_no_event(event: Event) -> None:
    read = json.loads(encode(event).decode("utf-8"))

    assert not any(
        "\ud800" <= character <= "\udfff" for character in json.dumps(read, ensure_ascii=False)
    )


def test_a_lone_surrogate_becomes_a_replacement_character() -> None:
    event = Event(ProcessExec(Process(arguments="a\ud800b\udcff")), node_name="\udc80")

    assert json.loads(encode(event)) == {
        "process_exec": {"process": {"arguments": "a\ufffdb\ufffd"}},
        "node_name": "\ufffd",
    }


def test_a_process_is_written_once_and_remembered_in_its_memo() -> None:
    process = Process(binary="/bin/a")

    first = remembered_process_json(process)

    assert remembered_process_json(process) is first
    assert process.memo is not None
    assert process.replaced(binary="/bin/b").memo is None


def test_copies_of_a_shared_pod_are_written_with_their_containers_pid() -> None:
    container = Container('id "pid":0', '"pid":0', pid=7)
    pod = Pod("n", "p", container=container, pod_labels={"pid": "0", '"pid":0': '"pid":0'})
    alone = [structs.replace(pod, container=structs.replace(container, pid=pid)) for pid in (0, 9)]
    shared = [pod.with_container_pid(pid) for pid in (0, 9)]

    assert [encode_message(Process(pod=each)) for each in shared] == [
        encode_message(Process(pod=each)) for each in alone
    ]
    assert shared[0].memo is shared[1].memo
    assert list(shared[0].memo or {}) == ["json"]


@given(messages_of(Pod))
def test_a_shared_pod_is_written_as_a_lone_one(pod: Pod) -> None:
    shared = pod.replaced()
    shared.memo = {}

    assert [encode_message(Process(pod=shared)) for _ in range(2)] == [
        encode_message(Process(pod=pod))
    ] * 2


@given(st.lists(events(), max_size=4))
def test_one_encoder_writes_events_of_many_nodes(of_many_nodes: list[Event]) -> None:
    assert [encode(event) for event in of_many_nodes] == [
        JsonEncoder().encode(event) for event in of_many_nodes
    ]


def test_an_envelope_is_that_of_its_event() -> None:
    encoder = JsonEncoder()
    first = Event(RateLimitInfo(), "n", 1, AggregationInfo(1), "c", {"a": "1"})
    events_of_a_node = [
        first,
        structs.replace(first, time=None),
        structs.replace(first, node_labels={"a": "2"}),
        structs.replace(first, aggregation_info=AggregationInfo(2)),
        structs.replace(first, cluster_name=""),
        structs.replace(first, body=None),
        Event(None, "n"),
        Event(),
        *(Event(RateLimitInfo(), f"node {number}") for number in range(300)),
        first,
    ]

    for event in events_of_a_node:
        assert json.loads(encoder.encode(event)) == as_protobuf_writes(event)
