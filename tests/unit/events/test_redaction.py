from __future__ import annotations

import json
import re
from base64 import b64decode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osmia_events.compact import CompactEncoder
from osmia_events.config import parse_redaction_filters
from osmia_events.json_encoder import JsonEncoder
from osmia_events.model import (
    EnvVar,
    Event,
    KprobeArgument,
    KprobeFile,
    KprobeLinuxBinprm,
    KprobePath,
    KprobeSockaddrUn,
    KprobeTruncatedBytes,
    Process,
    ProcessExec,
    ProcessKprobe,
    ProcessLsm,
    ProcessThrottle,
    ProcessTracepoint,
    ProcessUprobe,
    ProcessUsdt,
)
from osmia_events.protobuf import to_protobuf
from osmia_events.redaction import Redactor, texts_of
from tests.strategies import bodies, events

TOKEN = r"token=(\S+)"


def redactor(*configs: dict[str, Any]) -> Redactor:
    return Redactor(parse_redaction_filters("\n".join(map(json.dumps, configs))))


def redacted_arguments(arguments: str, *configs: dict[str, Any], binary: str = "/bin/x") -> str:
    process = Process(binary=binary, arguments=arguments)
    return redactor(*configs).redact_process(process).arguments


def test_all_filters_apply_in_order() -> None:
    filters = [{"redact": ["a(b)", "x(y)"]}, {"redact": r"(\*+)c"}]
    assert redacted_arguments("abc xyz", *filters) == "a*****c x*****z"


@pytest.mark.parametrize(
    ("binary", "applies"), [("/opt/foo", True), ("foo", True), ("/opt/foobar", False), ("", False)]
)
def test_a_filter_applies_to_processes_of_its_binaries(binary: str, applies: bool) -> None:
    config = {"binary_regex": ["(?:^|/)foo$"], "redact": [r"-p(?:\s+|=)(\S*)"]}
    expected = "-p *****" if applies else "-p secret"
    assert redacted_arguments("-p secret", config, binary=binary) == expected


def test_any_binary_may_match() -> None:
    config = {"binary_regex": ["^a$", "^b$"], "redact": "(x)"}
    assert [redacted_arguments("x", config, binary=binary) for binary in "abc"] == [
        "*****",
        "*****",
        "x",
    ]


def test_environment_variables_are_redacted_as_key_and_value() -> None:
    variables = (
        EnvVar("SSHPASS", "secret"),
        EnvVar("PATH", "/bin"),
        EnvVar("A", "b=token=secret"),
        EnvVar("BAD", "x"),
        EnvVar("EMPTY", ""),
    )
    filters = [{"redact": ["(?:SSHPASS=)+(\\S+)", TOKEN, "^(BAD=)", "(EMPTY)="]}]
    process = Process(environment_variables=variables)
    assert redactor(*filters).redact_process(process).environment_variables == (
        EnvVar("SSHPASS", "*****"),
        EnvVar("PATH", "/bin"),
        EnvVar("A", "b=token=*****"),
        EnvVar("invalid", ""),
        EnvVar("*****", ""),
    )


def test_process_parent_and_ancestors_are_redacted_once_each() -> None:
    secret = Process(arguments="token=secret")
    plain = Process(arguments="plain")
    stage = redactor({"redact": TOKEN})
    body = ProcessExec(secret, secret, (plain, secret))
    shown = stage.redact_body(body)
    assert isinstance(shown, ProcessExec)
    assert shown.process == Process(arguments="token=*****")
    assert shown.parent is shown.process
    assert shown.ancestors == (plain, shown.process)
    assert shown.ancestors[0] is plain
    again = stage.redact_body(ProcessKprobe(process=secret))
    assert isinstance(again, ProcessKprobe)
    assert again.process is shown.process
    assert body == ProcessExec(secret, secret, (plain, secret))


ARGUMENTS = (
    KprobeArgument("string_arg", "token=secret", "label"),
    KprobeArgument("path_arg", KprobePath(path="/token=secret", permission="r")),
    KprobeArgument("file_arg", KprobeFile(path="/token=secret")),
    KprobeArgument("linux_binprm_arg", KprobeLinuxBinprm(path="/token=secret")),
    KprobeArgument("sockaddrun_arg", KprobeSockaddrUn(path="@token=secret")),
    KprobeArgument("bytes_arg", b"\xfftoken=secret \x00"),
    KprobeArgument("truncated_bytes_arg", KprobeTruncatedBytes(b"token=secret", 100)),
    KprobeArgument("int_arg", 3),
    KprobeArgument(),
)
REDACTED_ARGUMENTS = (
    KprobeArgument("string_arg", "token=*****", "label"),
    KprobeArgument("path_arg", KprobePath(path="/token=*****", permission="r")),
    KprobeArgument("file_arg", KprobeFile(path="/token=*****")),
    KprobeArgument("linux_binprm_arg", KprobeLinuxBinprm(path="/token=*****")),
    KprobeArgument("sockaddrun_arg", KprobeSockaddrUn(path="@token=*****")),
    KprobeArgument("bytes_arg", b"\xfftoken=***** \x00"),
    KprobeArgument("truncated_bytes_arg", KprobeTruncatedBytes(b"token=*****", 100)),
    KprobeArgument("int_arg", 3),
    KprobeArgument(),
)


@pytest.mark.parametrize(
    "body", [ProcessKprobe, ProcessTracepoint, ProcessUprobe, ProcessUsdt, ProcessLsm]
)
def test_texts_among_the_arguments_of_hooks_are_redacted(body: type[ProcessKprobe]) -> None:
    stage = redactor({"redact": TOKEN})
    assert stage.redact_body(body(args=ARGUMENTS)) == body(args=REDACTED_ARGUMENTS)
    for argument, shown in zip(ARGUMENTS, REDACTED_ARGUMENTS, strict=True):
        assert stage.redact_body(body(args=(argument,))) == body(args=(shown,))


def test_data_and_return_values_are_redacted() -> None:
    body = ProcessKprobe(data=ARGUMENTS, return_=ARGUMENTS[0])
    assert redactor({"redact": TOKEN}).redact_body(body) == ProcessKprobe(
        data=REDACTED_ARGUMENTS, return_=REDACTED_ARGUMENTS[0]
    )


def test_the_binary_of_the_process_decides_on_its_arguments_of_hooks() -> None:
    stage = redactor({"redact": TOKEN, "binary_regex": "foo"})
    foo, bar = Process(binary="foo"), Process(binary="bar")
    assert stage.redact_body(ProcessKprobe(process=foo, args=ARGUMENTS)) == ProcessKprobe(
        process=foo, args=REDACTED_ARGUMENTS
    )
    other = ProcessKprobe(process=bar, parent=foo, args=ARGUMENTS)
    assert stage.redact_body(other) is other


def test_what_holds_no_secret_is_the_same_object() -> None:
    for body in (
        None,
        ProcessThrottle(),
        ProcessExec(Process(arguments="a", environment_variables=(EnvVar("a", "b"),))),
        ProcessKprobe(args=(KprobeArgument("string_arg", "x"), KprobeArgument("bytes_arg", b"x"))),
    ):
        event = Event(body=body)
        assert redactor({"redact": TOKEN}).redact(event) is event
    assert redactor().redact(event) is event


def test_different_filters_do_not_share_what_they_remember() -> None:
    process = Process(arguments="a b")
    one, other = redactor({"redact": "(a)"}), redactor({"redact": "(b)"})
    for _ in range(2):
        assert one.redact_process(process).arguments == "***** b"
        assert other.redact_process(process).arguments == "a *****"


def test_what_is_known_of_binaries_is_bounded() -> None:
    stage = redactor({"redact": "(a)", "binary_regex": "7$"})
    for number in range(3000):
        shown = stage.redact_process(Process(binary=str(number), arguments="a")).arguments
        assert shown == ("*****" if str(number).endswith("7") else "a")
    assert len(stage._of_binary) <= 1024


SECRET = "Zq9#Wx7!Kj5"
_TEXTS = st.builds(
    "{}token={}{}".format,
    st.text(alphabet="ab \n\ud800\u20ac", max_size=4),
    st.sampled_from([SECRET, "\u20ac" + SECRET, SECRET + "\udfff", "'" + SECRET + "'"]),
    st.sampled_from(["", " tail", "\ttoken=" + SECRET]),
)
_DATA = _TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass"))
_PROCESSES = st.builds(
    Process,
    pid=st.just(1),
    binary=st.just("/bin/x"),
    arguments=_TEXTS,
    environment_variables=st.lists(
        st.builds(EnvVar, st.sampled_from(["A", ""]), _TEXTS), max_size=2
    ).map(tuple),
)
_ARGUMENTS = st.one_of(
    st.builds(KprobeArgument, st.just("string_arg"), _TEXTS),
    st.builds(KprobeArgument, st.just("bytes_arg"), _DATA),
    st.builds(KprobeArgument, st.just("file_arg"), st.builds(KprobeFile, path=_TEXTS)),
    st.builds(
        KprobeArgument, st.just("truncated_bytes_arg"), st.builds(KprobeTruncatedBytes, _DATA)
    ),
)
_BODIES = st.sampled_from(
    [ProcessExec, ProcessKprobe, ProcessTracepoint, ProcessUprobe, ProcessUsdt, ProcessLsm]
).flatmap(
    lambda body: st.builds(
        body,
        process=_PROCESSES,
        parent=st.none() | _PROCESSES,
        ancestors=st.lists(_PROCESSES, max_size=2).map(tuple),
        **({} if body is ProcessExec else {"args": st.lists(_ARGUMENTS, max_size=3).map(tuple)}),
    )
)


@given(_BODIES)
def test_no_encoder_shows_any_run_of_a_secret(body: Any) -> None:
    event = redactor({"redact": TOKEN}).redact(Event(body=body))
    json_line = JsonEncoder().encode(event)
    base64 = re.findall(rb'bytes_arg":"([^"]*)"', json_line)
    outputs = [
        json_line.decode(),
        to_protobuf(event).decode("utf-8", "replace"),
        CompactEncoder(color=False).encode(event),
        *(b64decode(each).decode("utf-8", "replace") for each in base64),
        *texts_of(event.body).values(),
    ]
    runs = {SECRET[at : at + 3] for at in range(len(SECRET) - 2)}
    for output in outputs:
        assert not [run for run in runs if run in output]


@given(st.lists(st.none() | _BODIES | bodies(), max_size=5))
def test_events_at_once_are_redacted_as_one_by_one(some: list[Any]) -> None:
    filters = [{"redact": [TOKEN, "^(text)"]}, {"binary_regex": "/x", "redact": "(a)"}]

    together = redactor(*filters).redact_bodies(some)

    assert together == [redactor(*filters).redact_body(body) for body in some]
    assert redactor().redact_bodies(some) == some


@given(events())
def test_any_event_is_redacted_without_error_and_left_as_it_is(event: Event) -> None:
    before = JsonEncoder().encode(event)
    redactor({"redact": "(.)"}).redact(event)
    assert JsonEncoder().encode(event) == before
