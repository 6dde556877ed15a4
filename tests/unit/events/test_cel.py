from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osmia_events.cel import CelError, CelEvaluationError, activation, compile_expression
from osmia_events.model import (
    KprobeAction,
    KprobeArgument,
    KprobeSock,
    Pod,
    Process,
    ProcessExec,
    ProcessKprobe,
)

EXEC = ProcessExec(
    process=Process(
        pid=5,
        binary="/bin/x",
        in_init_tree=True,
        start_time=1_700_000_000_000_000_000,
        pod=Pod(namespace="shop", pod_labels={"app": "web"}),
    )
)
KPROBE = ProcessKprobe(
    process=Process(pid=7),
    function_name="tcp_connect",
    args=(KprobeArgument("sock_arg", KprobeSock(daddr="10.1.2.3")),),
    action=KprobeAction.KPROBE_ACTION_POST,
)


def evaluate(expression: str, body: ProcessExec | ProcessKprobe = EXEC) -> bool:
    return compile_expression(expression).evaluate(activation(body))


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("process_exec.process.pid == 5u", True),
        ("process_exec.process.pid > uint(5)", False),
        ("process_exec.process.in_init_tree == true", True),
        ("process_exec.process.uid == null", True),
        ("has(process_exec.process) && !has(process_exec.parent)", True),
        ("has(process_kprobe.process)", False),
        ("process_exec.process.binary.matches('^/bin/')", True),
        ("process_exec.process.pod.pod_labels['app'] == 'web'", True),
        ("process_exec.process.start_time > timestamp('2020-01-01T00:00:00Z')", True),
        ("process_exec.process.binary.size() == 6", True),
        ("process_exec.ancestors.all(a, a.pid == 1u)", True),
    ],
)
def test_expressions_over_an_exec(expression: str, result: bool) -> None:
    assert evaluate(expression) is result


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("process_kprobe.function_name == 'tcp_connect'", True),
        ("process_kprobe.args[0].sock_arg.daddr.startsWith('10.')", True),
        ("process_kprobe.args.exists(a, has(a.string_arg))", False),
        ("process_kprobe.action == 1", True),
        ("cidr('10.0.0.0/8').containsIP(process_kprobe.args[0].sock_arg.daddr)", True),
    ],
)
def test_expressions_over_a_kprobe(expression: str, result: bool) -> None:
    assert evaluate(expression, KPROBE) is result


@pytest.mark.parametrize(
    ("expression", "variables"),
    [
        ("true", set()),
        ("process_exec.process.pid == 1u", {"process_exec"}),
        ("has(process_lsm.process) || has(process_usdt.process)", {"process_lsm", "process_usdt"}),
        ("test.arg0 == 1u && rate_limit_info == null", {"test", "rate_limit_info"}),
    ],
)
def test_the_event_types_that_an_expression_mentions(expression: str, variables: set[str]) -> None:
    assert compile_expression(expression).variables == variables


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("process_exec.process.pid == 1", "found no matching overload for '_==_'"),
        ("process_exec.process.pid", "must be of type bool, not uint"),
        ("process_exec.process.in_init_tree", r"must be of type bool, not wrapper\(bool\)"),
        ("dyn(true)", "must be of type bool, not dyn"),
        ("process_exec.process.nope == 1", "undefined field 'nope'"),
        ("node_name == 'a'", "undeclared reference to 'node_name'"),
        ("time == 1", "undeclared reference to 'time'"),
        ("process_exec.process.binary.lowerAscii() == 'a'", "undeclared reference to 'lowerAscii'"),
        ("1 == 1.0", "found no matching overload"),
        ("1 ==", "Syntax error"),
        ("", "Syntax error"),
        ("(" * 5000, "not a CEL expression"),
        ("\ud800", "Syntax error"),
    ],
)
def test_what_does_not_compile_says_why(expression: str, message: str) -> None:
    with pytest.raises(CelError, match=message) as error:
        compile_expression(expression)
    assert "\n" not in str(error.value)
    assert str(error.value).encode()


@pytest.mark.parametrize(
    "expression",
    [
        "process_exec.process.uid > 1u",
        "process_exec.process.pod.pod_labels['absent'] == ''",
        "process_exec.ancestors[0].pid == 1u",
        "process_exec.process.binary.matches('(')",
        "ip(process_exec.process.binary).family() == 4",
        "process_kprobe.process.pid > 1u",
        "1 / 0 == 1",
    ],
)
def test_errors_on_an_event_name_the_expression_and_no_value(expression: str) -> None:
    with pytest.raises(CelEvaluationError) as error:
        evaluate(expression)
    assert str(error.value) == f"CEL expression failed on an event: {expression}"


@given(st.text() | st.text(alphabet="process_exc.()=!&|?:[]{}'\"0123456789u+-* \n"))
def test_any_text_compiles_or_is_refused(text: str) -> None:
    try:
        compile_expression(text)
    except CelError as error:
        str(error).encode()  # can be written to a log


def test_the_library_is_loaded_only_for_such_filters() -> None:
    code = (
        "import sys; from osmia_events.config import parse_pipeline;"
        "from osmia_events.pipeline import Pipeline;"
        "Pipeline(parse_pipeline({'allowList': [{'namespace': 'a'}]}));"
        "assert not {'cel_expr_python', 'google.protobuf'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
