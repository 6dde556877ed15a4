import pytest

from osmia_api.problems import format_path
from osmia_api.tracing_policy import TracingPolicySpec
from osmia_bpf.policy.plan import plan
from osmia_bpf.policy.problems import HookError
from osmia_bpf.programs import ProgramKind
from tests.unit.bpf.policy.small_kernel import small_facts


@pytest.mark.parametrize(
    ("hook", "path", "message"),
    [
        ({"path": "", "symbols": ["f"]}, "path", "'' is not the path of a file"),
        ({"path": "/a\0b", "symbols": ["f"]}, "path", "'/a\\x00b' is not the path of a file"),
        ({"path": "/" + "a" * 256, "symbols": ["f"]}, "path", "'/aaaa"),
        ({"path": "/a" * 2048, "symbols": ["f"]}, "path", "'/a/a/a"),
        ({"path": "/a", "symbols": ["f", ""]}, "symbols[1]", "'' is not a symbol"),
        ({"path": "/a", "symbols": ["+0x4"]}, "symbols[0]", "'+0x4' is not a symbol"),
        ({"path": "/a", "symbols": ["f\0"]}, "symbols[0]", "'f\\x00' is not a symbol"),
    ],
)
def test_places_that_no_binary_has(tmp_path, hook, path, message):
    spec = TracingPolicySpec.model_validate({"uprobes": [hook]})
    (found,) = plan(spec, small_facts(tmp_path)).problems
    assert format_path(found.path) == f"spec.uprobes[0].{path}"
    assert found.message.startswith(message)


def hook_of(tmp_path, section, hook, **facts):
    spec = TracingPolicySpec.model_validate({section: [hook]})
    planned = plan(spec, small_facts(tmp_path, **facts))
    found = [HookError(each.path, each.message) for each in planned.problems]
    return [source.hook for source in planned.hooks], [str(each) for each in found]


REGISTERS = {"data": [{"index": 0, "type": "uint64", "source": "pt_regs", "resolve": "ip"}]}


def test_registers_take_a_kprobe_where_a_trampoline_would_do_else(tmp_path):
    hook = {"call": "sys_lseek"}
    ((plain,), _), ((found,), problems) = (
        hook_of(tmp_path, "kprobes", each) for each in (hook, hook | REGISTERS)
    )
    assert (plain.kind, found.kind) == (ProgramKind.FENTRY, ProgramKind.KPROBE)
    assert problems == []
    assert hook_of(tmp_path, "fentries", hook | REGISTERS)[1] == [
        "spec.fentries[0].data: pt_regs is for kprobes and uprobes: fentries have no registers"
    ]
    override = {"selectors": [{"matchActions": [{"action": "Override", "argError": -1}]}]}
    hook = {"call": "security_file_open", "syscall": False}
    assert hook_of(tmp_path, "kprobes", hook | override | REGISTERS)[1] == [
        "spec.kprobes[0].data: pt_regs does not go with Override of this function"
    ]


@pytest.mark.parametrize(
    ("section", "hook", "problem"),
    [
        (
            "kprobes",
            {"call": "lseek"},
            "call: this kernel has no function __x64_lseek; the system call is named sys_lseek",
        ),
        (
            "tracepoints",
            {"event": "sys_enter", "raw": True, "args": [{"index": 9, "type": "int"}]},
            "args[0].index: 9: the tracepoint has 2 arguments, from 0 on",
        ),
        (
            "tracepoints",
            {"event": "sys_enter_openat", "args": [{"index": 5, "source": "current_task"}]},
            "args[0].source: is for data only",
        ),
        (
            "kprobes",
            {
                "call": "sys_lseek",
                "return": True,
                "returnArg": {"index": 0, "type": "int", "source": "pt_regs"},
            },
            "returnArg.source: is for data only",
        ),
        (
            "uprobes",
            {
                "path": "/a",
                "symbols": ["f"],
                "btfPath": "/b",
                "args": [{"index": 0, "type": "int", "btfType": "outer", "resolve": "low"}],
            },
            "btfPath: not supported by this version: resolve looks into the kernel's types",
        ),
        (
            "kprobes",
            {
                "call": "sys_lseek",
                "selectors": [
                    {
                        "matchWorkloads": {
                            "podSelector": {
                                "matchExpressions": [
                                    {"key": "a", "operator": "Exists"},
                                    {"key": "a", "operator": "NotIn"},
                                ]
                            }
                        }
                    }
                ],
            },
            (
                "selectors[0].matchWorkloads.podSelector.matchExpressions[1].values: NotIn needs at"
                " least one value"
            ),
        ),
        (
            "kprobes",
            {
                "call": "sys_lseek",
                "selectors": [
                    {"matchActions": [{"action": "Post", "rateLimitScope": "cpu"}]},
                ],
            },
            (
                "selectors[0].matchActions[0].rateLimitScope: 'cpu' is not one of thread, process,"
                " global"
            ),
        ),
    ],
)
def test_what_cannot_be(tmp_path, section, hook, problem):
    hook = {"subsystem": "syscalls"} | hook if section == "tracepoints" else hook
    assert hook_of(tmp_path, section, hook) == ([], [f"spec.{section}[0].{problem}"])


@pytest.mark.parametrize("which", ["podSelector", "containerSelector"])
def test_a_selector_of_labels_that_kubernetes_would_refuse(tmp_path, which):
    selector = {"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["b"]}]}
    spec = TracingPolicySpec.model_validate({which: selector})
    with pytest.raises(HookError) as caught:
        plan(spec, small_facts(tmp_path))
    assert str(caught.value) == f"spec.{which}.matchExpressions[0].values: Exists takes no values"


def test_pointers_that_are_read_as_numbers_are_none_to_the_verifier(tmp_path):
    args = [
        {"index": 0, "type": "uint64"},
        {"index": 0, "type": "fd"},
        {"index": 0, "type": "char_iovec", "sizeArgIndex": 1},
        {"index": 0, "type": "file"},
        {"index": 1, "type": "int"},
    ]
    hook = {"call": "do_thing", "syscall": False, "args": args}
    first, second = "read_word((u64)ctx + 0, 8)", "LOAD(64, ctx, 8)"
    ((found,), _) = hook_of(tmp_path, "kprobes", hook)
    assert found.kind is ProgramKind.FENTRY
    assert [each.raw for each in found.arguments] == [
        *(first, first, first, "LOAD(64, ctx, 0)", second)
    ]
    assert found.arguments[2].size == first
    without = tuple(kind for kind in ProgramKind if kind is not ProgramKind.FENTRY)
    ((found,), _) = hook_of(tmp_path, "kprobes", hook, kinds=without)
    assert all("ctx, " in each.raw for each in found.arguments)


@pytest.mark.parametrize(
    ("section", "args", "problem"),
    [
        (
            "tracepoints",
            [{"index": 6, "type": "char_buf", "sizeArgIndex": 2}],
            "sizeArgIndex: 2: common_flags holds no size",
        ),
        (
            "tracepoints",
            [{"index": 6, "type": "char_buf", "sizeArgIndex": 8}],
            "sizeArgIndex: 8: comm holds no size",
        ),
        (
            "tracepoints",
            [{"index": 5, "type": "load_info"}],
            "type: load_info: this kernel has no struct load_info",
        ),
        (
            "kprobes",
            [{"index": 0, "type": "char_buf", "sizeArgIndex": 3}],
            "sizeArgIndex: 3: there are 2 arguments, from 1 on here",
        ),
    ],
)
def test_arguments_that_cannot_be_read(tmp_path, section, args, problem):
    hook = {"call": "do_thing", "syscall": False, "args": args}
    if section == "tracepoints":
        hook = {"subsystem": "syscalls", "event": "sys_enter_openat", "args": args}
    assert hook_of(tmp_path, section, hook) == ([], [f"spec.{section}[0].args[0].{problem}"])


@pytest.mark.parametrize(
    ("index", "type_", "raw"),
    [
        (8, "uint32", "LOAD(32, ctx, 48)"),
        (8, "fd", "LOAD(32, ctx, 48)"),
        (7, "uint32", "read_word(((u64)ctx + 32), 4)"),
        (7, "fd", "read_word(((u64)ctx + 32), 8)"),
    ],
)
def test_fields_of_text_can_be_read_as_numbers(tmp_path, index, type_, raw):
    hook = {"subsystem": "syscalls", "event": "sys_enter_openat"}
    hook["args"] = [{"index": index, "type": type_}]
    ((found,), _) = hook_of(tmp_path, "tracepoints", hook)
    assert found.arguments[0].raw == raw


def test_what_a_call_returns_instead_must_be_an_error(tmp_path):
    hook = {"call": "security_file_open", "syscall": False}
    for error, problems in (
        (-1, []),
        (1, []),
        (
            0,
            [
                (
                    "spec.kprobes[0].selectors[0].matchActions[0].argError: 0 would let the call be"
                    " done: give an error, such as -1"
                )
            ],
        ),
    ):
        actions = [{"action": "Override", "argError": error}]
        found = hook_of(tmp_path, "kprobes", hook | {"selectors": [{"matchActions": actions}]})
        assert found[1] == problems
