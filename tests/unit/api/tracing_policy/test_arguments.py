"""Arguments of hooks."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from osmia_api.tracing_policy.arguments import Argument, ArgumentType

from .policies import kprobe, problems, read

TYPES = [
    "auto",
    "int",
    "sint8",
    "int8",
    "uint8",
    "sint16",
    "int16",
    "uint16",
    "uint32",
    "sint32",
    "int32",
    "ulong",
    "uint64",
    "size_t",
    "long",
    "sint64",
    "int64",
    "char_buf",
    "char_iovec",
    "skb",
    "sock",
    "sockaddr",
    "socket",
    "sockaddr_un",
    "string",
    "fd",
    "file",
    "filename",
    "path",
    "nop",
    "bpf_attr",
    "perf_event",
    "bpf_map",
    "user_namespace",
    "capability",
    "kiocb",
    "iov_iter",
    "cred",
    "const_buf",
    "load_info",
    "module",
    "syscall64",
    "kernel_cap_t",
    "cap_inheritable",
    "cap_permitted",
    "cap_effective",
    "linux_binprm",
    "data_loc",
    "net_device",
    "bpf_cmd",
    "dentry",
    "bpf_prog",
]


def argument(**fields: Any) -> dict[str, Any]:
    return kprobe(args=[fields])


def test_defaults() -> None:
    (hook,) = read(argument(index=2)).kprobes
    assert hook.args == (
        Argument.model_validate(
            {
                "index": 2,
                "type": "auto",
                "label": "",
                "sizeArgIndex": 0,
                "returnCopy": False,
                "maxData": False,
                "resolve": "",
                "btfType": "",
                "btfTypeModule": "",
                "source": "",
            }
        ),
    )


def test_types_are_those_of_the_contract() -> None:
    assert sorted(get_args(ArgumentType)) == sorted(TYPES)


@pytest.mark.parametrize("name", TYPES)
def test_each_type_is_accepted(name: str) -> None:
    assert read(argument(index=0, type=name)).kprobes[0].args[0].type == name


@pytest.mark.parametrize("name", ["INT", "Int", "uint", "char", "kiocb ", "", "bool"])
def test_other_types_are_refused(name: str) -> None:
    (problem,) = problems(argument(index=0, type=name))
    assert problem.startswith(f'spec.kprobes[0].args[0].type: "{name}" is not one of auto, int,')
    assert problem.endswith(", ".join(TYPES[-3:]))


@pytest.mark.parametrize("field", ["type", "returnCopy", "maxData", "resolve"])
def test_null_means_the_default(field: str) -> None:
    assert read(argument(index=0, **{field: None})) == read(argument(index=0))


@pytest.mark.parametrize("field", ["label", "sizeArgIndex", "btfType", "btfTypeModule", "source"])
def test_null_is_refused_elsewhere(field: str) -> None:
    (problem,) = problems(argument(index=0, **{field: None}))
    assert problem.startswith(f"spec.kprobes[0].args[0].{field}: null must be")


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (-1, "-1 must be at least 0"),
        (2**31, "2147483648 must be at most 2147483647"),
        (10**30, "the number must be at most 2147483647"),
        ("0", '"0" must be a whole number, without quotes'),
        (1.5, "1.5 must be a whole number, without quotes"),
        (True, "true must be a whole number, without quotes"),
        (None, "null must be a whole number, without quotes"),
    ],
)
@pytest.mark.parametrize("field", ["index", "sizeArgIndex"])
def test_positions(field: str, index: object, message: str) -> None:
    assert problems(argument(**{"index": 0, field: index})) == [
        f"spec.kprobes[0].args[0].{field}: {message}"
    ]


def test_index_is_required() -> None:
    assert problems(argument(type="int")) == ["spec.kprobes[0].args[0].index: required, but absent"]
    assert problems(kprobe(returnArg={"type": "int"}, data=[{"type": "int"}])) == [
        "spec.kprobes[0].data[0].index: required, but absent",
        "spec.kprobes[0].returnArg.index: required, but absent",
    ]
