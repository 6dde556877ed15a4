"""What policies become on a small kernel: programs, targets, and errors with their places."""

import pytest

from osmia_api.tracing_policy import TracingPolicySpec
from osmia_bpf.policy.plan import plan
from osmia_bpf.policy.problems import HookError, shown
from osmia_bpf.programs import ProgramKind
from tests.unit.bpf.policy.small_kernel import small_facts

K = ProgramKind
FILE = {"index": 0, "type": "file"}
LSEEK = {"call": "sys_lseek", "args": [{"index": 0, "type": "int"}]}


def planned(folder, spec, **facts):
    return plan(TracingPolicySpec.model_validate(spec), small_facts(folder, **facts))


def one(folder, hook, section="kprobes", **facts):
    result = planned(folder, {section: [hook]}, **facts)
    assert not result.problems, result.problems
    return result.hooks[0]


def problem(folder, hook, section="kprobes", **facts):
    result = planned(folder, {section: [hook]}, **facts)
    assert not result.hooks
    return result.problems[0]


def function(call, **more):
    return {"call": call, "syscall": False, **more}


def without(*kinds):
    return tuple(kind for kind in K if kind not in kinds)


def test_a_system_call_gets_the_prefix_of_the_machine(tmp_path):
    source = one(tmp_path, LSEEK)
    assert source.hook.targets == ("__x64_sys_lseek",)
    assert source.hook.kind is K.FENTRY
    # Through the registers that the wrapper gets: di lies at 112.
    assert source.hook.arguments[0].raw == "LOAD(64, LOAD(64, ctx, 0), 112)"


def test_kprobes_where_there_is_no_fentry(tmp_path):
    source = one(tmp_path, LSEEK, kinds=without(K.FENTRY))
    assert source.hook.kind is K.KPROBE
    assert source.hook.arguments[0].raw == "read_word(LOAD(64, ctx, 112) + 112, 8)"


def test_a_function_without_type_information_takes_a_kprobe(tmp_path):
    assert one(tmp_path, function("only_a_symbol")).hook.kind is K.KPROBE


def test_a_function_whose_parameter_is_only_named_takes_a_kprobe(tmp_path):
    source = one(tmp_path, {"call": "sys_vague", "args": [{"index": 0, "type": "int"}]})
    assert source.hook.kind is K.KPROBE
    assert source.hook.arguments[0].raw == "read_word(LOAD(64, ctx, 112) + 112, 8)"


@pytest.mark.parametrize("paths", [1, 2, 3, 4, 5])
def test_walks_make_no_more_tail_calls_than_a_kernel_allows(tmp_path, paths):
    """Where programs may not loop as they like; the kernel has no enumerator of may_goto."""
    walks, _, attached = one(
        tmp_path, function("security_file_open", args=[FILE] * paths)
    ).programs()
    for walk in (walks.alone, walks.chained):
        assert 1 + walk.runs + paths <= 32
        assert walk.components * walk.runs >= 2048 or walk is walks.alone
    assert attached.tail_calls == walks.chained.runs + paths
    if paths == 1:
        assert walks.alone.components * walks.alone.runs >= 2048
        # Four programs at one place that is shared.
        assert 4 * (1 + attached.tail_calls) <= 32


def test_a_path_takes_three_programs_and_a_return_one_more(tmp_path):
    hook = function("security_file_open", args=[FILE])
    hook |= {"return": True, "returnArg": {"index": 0, "type": "int"}}
    programs = one(tmp_path, hook).programs()
    assert [(p.name, p.kind) for p in programs] == [
        ("hook_0_return", K.FEXIT),
        ("hook_0_walk", K.TAIL_CALL),
        ("hook_0_finish", K.TAIL_CALL),
        ("hook_0", K.FENTRY),
    ]


def test_override_of_a_list_has_a_program_for_each_function(tmp_path):
    override = {"matchActions": [{"action": "Override", "argError": -1}]}
    spec = {
        "lists": [{"name": "two", "values": ["security_file_open", "do_thing"]}],
        "kprobes": [function("list:two", selectors=[override])],
    }
    result = planned(tmp_path, spec, override_return=True)
    assert [(h.hook.name, h.hook.number, h.hook.kind) for h in result.hooks] == [
        ("security_file_open", 0, K.MODIFY_RETURN),
        ("do_thing", 1, K.MODIFY_RETURN),
    ]


def test_override_of_a_security_function_modifies_its_return(tmp_path):
    override = {"matchActions": [{"action": "Override", "argError": -1}]}
    hook = function("security_file_open", args=[FILE], selectors=[override])
    assert one(tmp_path, hook).hook.kind is K.MODIFY_RETURN


def test_override_of_other_functions_needs_error_injection(tmp_path):
    override = {"matchActions": [{"action": "Override", "argError": -1}]}
    assert (
        "CONFIG_FUNCTION_ERROR_INJECTION"
        in problem(tmp_path, LSEEK | {"selectors": [override]}).message
    )
    source = one(
        tmp_path,
        LSEEK | {"selectors": [override]},
        override_return=True,
        kinds=without(K.MODIFY_RETURN),
    )
    assert source.hook.kind is K.KPROBE
    assert "bpf_override_return(ctx, -1)" in source.text()


def test_lists_share_one_program(tmp_path):
    spec = {
        "lists": [
            {"name": "two", "type": "syscalls", "values": ["sys_lseek", "sys_dup", "sys_open"]}
        ],
        "kprobes": [{"call": "list:two"}],
    }
    result = planned(tmp_path, spec)
    assert result.hooks[0].hook.targets == ("__x64_sys_lseek", "__x64_sys_dup")
    assert result.hooks[0].hook.kind is K.KPROBE_MULTI
    assert result.hooks[0].hook.name == ""


def test_generated_lists(tmp_path):
    spec = {
        "lists": [{"name": "all", "type": "generated_syscalls"}],
        "kprobes": [{"call": "list:all"}],
    }
    assert planned(tmp_path, spec).hooks[0].hook.targets == ("__x64_sys_lseek", "__x64_sys_dup")


def test_a_tracepoint_by_its_format(tmp_path):
    hook = {
        "subsystem": "syscalls",
        "event": "sys_enter_openat",
        "args": [{"index": 4}, {"index": 6}, {"index": 7}, {"index": 8}],
    }
    source = one(tmp_path, hook, "tracepoints")
    assert source.hook.kind is K.FORMATTED_TRACEPOINT
    assert source.hook.targets == ("syscalls/sys_enter_openat",)
    assert [a.type.name for a in source.hook.arguments] == ["int32", "string", "string", "data_loc"]
    assert source.hook.arguments[0].raw == "LOAD(32, ctx, 8)"


def test_the_number_of_any_system_call_is_read_without_a_format(tmp_path):
    hook = {
        "subsystem": "raw_syscalls",
        "event": "sys_enter",
        "args": [{"index": 4, "type": "syscall64"}],
    }
    source = one(tmp_path, hook, "tracepoints")
    assert source.hook.kind is K.TRACEPOINT
    assert source.hook.arguments[0].raw == "syscall_id(LOAD(64, ctx, 8))"


def test_a_binary_gets_a_hook_for_each_place(tmp_path):
    spec = {"uprobes": [{"path": "/bin/x", "symbols": ["a", "b"], "refCtrOffsets": [5, 6]}]}
    hooks = planned(tmp_path, spec).hooks
    assert [(h.call.name, h.hook.targets, h.hook.reference_counter) for h in hooks] == [
        ("hook_0", ("a",), 5),
        ("hook_1", ("b",), 6),
    ]


def test_types_are_told_by_the_kernel(tmp_path):
    hook = function("do_thing", args=[{"index": 1}, {"index": 0, "resolve": "mm.owner.comm"}])
    assert [a.type.name for a in one(tmp_path, hook).hook.arguments] == ["int32", "string"]


def test_one_hook_that_fails_harms_no_other(tmp_path):
    result = planned(tmp_path, {"kprobes": [LSEEK, function("nothing"), function("do_thing")]})
    assert [h.hook.number for h in result.hooks] == [0, 1]
    assert [h.hook.path for h in result.hooks] == [("spec", "kprobes", 0), ("spec", "kprobes", 2)]
    assert result.problems[0].path == ("spec", "kprobes", 1, "call")


def test_a_missing_function_may_be_overlooked(tmp_path):
    hook = function("nothing", ignore={"callNotFound": True})
    assert problem(tmp_path, hook).ignored
    assert not problem(tmp_path, function("nothing")).ignored


def test_selectors_are_numbered_through_the_policy(tmp_path):
    two = {"selectors": [{}, {}]}
    result = planned(tmp_path, {"kprobes": [LSEEK | two, LSEEK, LSEEK]})
    assert [h.first_selector for h in result.hooks] == [0, 2, 3]


def test_cheap_tests_come_before_look_ups(tmp_path):
    selector = {
        "matchBinaries": [{"operator": "In", "values": ["/bin/x"]}],
        "matchArgs": [{"index": 0, "operator": "Equal", "values": ["3"]}],
    }
    text = one(tmp_path, LSEEK | {"selectors": [selector]}).text()
    assert text.index("v0 == ") < text.index("processes.lookup")


def test_the_mode_of_the_policy(tmp_path):
    spec = {"kprobes": [LSEEK], "options": [{"name": "policy-mode", "value": "monitor"}]}
    assert not planned(tmp_path, spec).schema().enforced
    assert planned(tmp_path, {"kprobes": [LSEEK]}).schema().enforced


ARGS = {"args": [{"index": 0, "type": "int"}, {"index": 2, "type": "string"}]}


def with_selector(**selector):
    return LSEEK | ARGS | {"selectors": [selector]}


@pytest.mark.parametrize(
    ("hook", "path", "message"),
    [
        (function("do_thing", args=[{"index": 3, "type": "int"}]), "args[0].index", "2 arguments"),
        (LSEEK | {"args": [{"index": 6, "type": "int"}]}, "args[0].index", "at most 6"),
        (LSEEK | {"args": [{"index": 0}]}, "args[0].type", "cannot be told"),
        (LSEEK | {"args": [{"index": 0, "type": "iov_iter"}]}, "args[0].type", "no struct"),
        (LSEEK | {"args": [{"index": 0, "type": "char_buf"}]}, "args[0].sizeArgIndex", "needed"),
        (
            LSEEK | {"args": [{"index": 0, "type": "char_buf", "returnCopy": True}]},
            "args[0].returnCopy",
            "needs return: true",
        ),
        (
            LSEEK
            | {
                "args": [{"index": 0, "type": "char_buf", "returnCopy": True}],
                "return": True,
                "returnArg": {"index": 0, "type": "string"},
            },
            "args[0].sizeArgIndex",
            "no number of bytes",
        ),
        (LSEEK | {"args": [{"index": 0, "type": "sock"}]}, "args[0].type", "no struct sock"),
        (LSEEK | {"args": [{"index": 0, "type": "int"}] * 6}, "args", "at most 5"),
        (LSEEK | {"args": [{"index": 0, "type": "int", "source": "x"}]}, "args[0].source", "data"),
        (LSEEK | {"data": [{"index": 0, "type": "int", "source": "x"}]}, "data[0].source", "'x'"),
        (LSEEK | {"message": "x"}, "message", "too short"),
        (LSEEK | {"tags": ["ok", "x"]}, "tags[1]", "too short"),
        (LSEEK | {"selectors": [{}] * 6}, "selectors", "at most 5"),
        (function("list:none"), "call", "no list 'none' in spec.lists; known are none"),
        (function("do thing"), "call", "'do thing' is not the name of a function"),
        (function("a\n" * 99), "call", "'a\\na\\n"),
        (
            function("do_thing", syscall=True),
            "call",
            "no function __x64_do_thing; do_thing is no system call: give syscall: false",
        ),
        (
            with_selector(matchArgs=[{"index": 1, "operator": "Equal", "values": ["1"]}]),
            "selectors[0].matchArgs[0].index",
            "none of the hook's args",
        ),
        (
            with_selector(matchArgs=[{"index": 0, "operator": "Prefix", "values": ["1"]}]),
            "selectors[0].matchArgs[0].operator",
            "Prefix is not for arguments of type int; those take Equal, NotEqual, GreaterThan",
        ),
        (
            with_selector(matchArgs=[{"index": 0, "operator": "Equal", "values": ["1"] * 5}]),
            "selectors[0].matchArgs[0].values",
            "; InMap takes more",
        ),
        (
            with_selector(
                matchArgs=[{"index": 0, "operator": "NotInRange", "values": ["1:2"] * 5}]
            ),
            "selectors[0].matchArgs[0].values",
            "at most 4 values; NotInMap takes more",
        ),
        (
            with_selector(matchArgs=[{"index": 0, "operator": "InMap", "values": ["list:x"]}]),
            "selectors[0].matchArgs[0].values[0]",
            "there is no list 'x' in spec.lists; known are none",
        ),
        (
            with_selector(
                matchArgs=[{"operator": "CapabilitiesGained", "values": ["9" * 5000]}]
            ),
            "selectors[0].matchArgs[0]",
            "CapabilitiesGained compares two sets",
        ),
        (
            with_selector(matchNamespaces=[{"namespace": "Net", "operator": "In", "values": []}]),
            "selectors[0].matchNamespaces[0].values",
            "at least one",
        ),
        (
            with_selector(matchNamespaceChanges=[{"operator": "In", "values": []}]),
            "selectors[0].matchNamespaceChanges[0].values",
            "at least one",
        ),
        (
            with_selector(matchNamespaceChanges=[{"operator": "In", "values": ["Net"]}] * 2),
            "selectors[0].matchNamespaceChanges",
            "at most one",
        ),
        (
            with_selector(
                matchArgs=[{"index": 0, "operator": "NotInRange", "values": ["1:2"] * 5}]
            ),
            "selectors[0].matchArgs[0].values",
            "at most 4 values",
        ),
        (
            with_selector(matchArgs=[{"index": 0, "operator": "GT", "values": ["1:2"]}]),
            "selectors[0].matchArgs[0].values[0]",
            "'1:2' is not a number: GT takes no MIN:MAX",
        ),
        (
            with_selector(matchArgs=[{"index": 0, "operator": "Equal", "values": ["a"]}]),
            "selectors[0].matchArgs[0].values[0]",
            "'a' is not a number",
        ),
        (
            with_selector(matchArgs=[{"index": 2, "operator": "Equal", "values": [""]}]),
            "selectors[0].matchArgs[0].values[0]",
            "must not be empty",
        ),
        (
            with_selector(matchArgs=[{"index": 2, "operator": "Mask", "values": ["1"]}]),
            "selectors[0].matchArgs[0].operator",
            "Mask is not for arguments of type string; those take Equal, NotEqual, Prefix",
        ),
        (
            with_selector(
                matchArgs=[{"index": 2, "operator": "SubString", "values": ["x", "y" * 100]}]
            ),
            "selectors[0].matchArgs[0].values[1]",
            "longer than 99 bytes",
        ),
        (
            with_selector(
                matchArgs=[
                    {
                        "index": 2,
                        "operator": "Prefix",
                        "values": [f"{number:05}{'x' * 30}" for number in range(2000)],
                    }
                ]
            ),
            "selectors[0].matchArgs[0].values",
            "words, at most 6000",
        ),
        (
            with_selector(
                matchArgs=[
                    {
                        "index": 2,
                        "operator": "NotEqual",
                        "values": ["x" * 8 * number for number in range(1, 300)],
                    }
                ]
            ),
            "selectors[0].matchArgs[0].values",
            "more than 200 values that begin with one another",
        ),
        (
            with_selector(matchBinaries=[{"operator": "NotPostfix", "values": ["x" * 128]}]),
            "selectors[0].matchBinaries[0].values[0]",
            "longer than 127 bytes",
        ),
        (
            with_selector(matchData=[{"args": [1], "operator": "Equal", "values": ["1"]}])
            | {"data": [{"index": 0, "type": "int", "source": "current_task", "resolve": "flags"}]},
            "selectors[0].matchData[0].args[0]",
            "1: the hook has no such data",
        ),
        (
            with_selector(matchReturnArgs=[{"operator": "Equal", "values": ["1"]}]),
            "selectors[0].matchReturnArgs[0]",
            "needs return: true",
        ),
        (
            with_selector(matchPIDs=[{"operator": "In", "values": []}]),
            "selectors[0].matchPIDs[0].values",
            "at least one",
        ),
        (
            with_selector(matchCapabilities=[{"operator": "In", "values": ["CAP_X"]}]),
            "selectors[0].matchCapabilities[0].values[0]",
            "'CAP_X' is not a capability",
        ),
        (
            with_selector(
                matchNamespaces=[{"namespace": "Net", "operator": "In", "values": ["host_ns"]}]
            ),
            "selectors[0].matchNamespaces[0].values[0]",
            "host's Net namespace is not known",
        ),
        (
            with_selector(
                matchBinaries=[{"operator": "Prefix", "values": ["/a"], "followChildren": True}]
            ),
            "selectors[0].matchBinaries[0].followChildren",
            "only with the operators In and NotIn",
        ),
        (
            with_selector(matchBinaries=[{"operator": "In", "values": ["/" + "a" * 255]}]),
            "selectors[0].matchBinaries[0].values[0]",
            "longer than 255",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_told_with_its_place(tmp_path, hook, path, message):
    found = problem(tmp_path, hook)
    shown = HookError(found.path, found.message)
    assert str(shown).startswith(f"spec.kprobes[0].{path}: ")
    assert message in found.message


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            {"kprobes": [LSEEK], "lsmhooks": [{"hook": "file_open"}]},
            "spec.lsmhooks: a policy has one",
        ),
        ({"enforcers": [{"calls": ["sys_dup"]}]}, "spec.enforcers: not supported"),
        ({"loader": True}, "spec.loader: not supported"),
        ({"options": [{"name": "policy-mode", "value": "x"}]}, "spec.options[0].value: 'x' is not"),
        (
            {"options": [{"name": "disable-kprobe-multi", "value": "yes"}]},
            "spec.options[0].value: 'yes' is not one of true, false",
        ),
        (
            {"options": [{"name": "x"}, {"name": "sleepable-preload-size", "value": "0"}]},
            "spec.options[1].value: '0' is not a whole number above 0",
        ),
        (
            {"lists": [{"name": "a", "values": ["x"]}] * 2},
            "spec.lists[1].name: 'a' is given twice",
        ),
    ],
)
def test_what_is_wrong_with_a_policy_as_a_whole(tmp_path, spec, message):
    with pytest.raises(HookError) as caught:
        planned(tmp_path, spec)
    assert str(caught.value).startswith(message)


def test_a_policy_without_hooks_is_fine(tmp_path):
    result = planned(tmp_path, {})
    assert result.hooks == ()
    assert result.text() == ""


def test_fentries_only_watch(tmp_path):
    hook = function("security_file_open", selectors=[{"matchActions": [{"action": "Sigkill"}]}])
    found = problem(tmp_path, hook, "fentries")
    assert "Sigkill is not for fentries" in found.message


def test_lsm_hooks(tmp_path):
    assert one(tmp_path, {"hook": "file_open", "args": [FILE]}, "lsmhooks").hook.kind is K.LSM
    assert "no LSM hook x" in problem(tmp_path, {"hook": "x"}, "lsmhooks").message
    for hook, message in (
        ("security_file_open", "security_file_open: LSM hooks are named without security_"),
        ("a b", "'a b' is not the name of an LSM hook"),
    ):
        assert problem(tmp_path, {"hook": hook}, "lsmhooks").message == message
    found = problem(tmp_path, {"hook": "file_open"}, "lsmhooks", kinds=without(K.LSM))
    assert "does not let one attach lsm programs" in found.message


@pytest.mark.parametrize("name", ["../..", "a/b", "", ".", "a b", "a*", "\u00e9", "a" * 256])
@pytest.mark.parametrize("field", ["subsystem", "event"])
@pytest.mark.parametrize("raw", [False, True])
def test_names_that_are_no_file_name_are_not_looked_up(tmp_path, name, field, raw):
    hook = {"subsystem": "syscalls", "event": "sys_enter_openat", "raw": raw} | {field: name}
    found = problem(tmp_path, hook, "tracepoints")
    assert found.path == ("spec", "tracepoints", 0, field)
    assert found.message.startswith(f"{shown(name)} is not a name")
