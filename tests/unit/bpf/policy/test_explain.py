import pytest

from osmia_bpf.policy.check import check
from tests.unit.bpf.policy.small_kernel import small_facts

HEAD = "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {name: mine}\nspec:\n"
LSEEK = """\
  kprobes:
  - call: sys_lseek
    args: [{index: 0, type: int}, {index: 2, type: string, label: name}]
    data: [{index: 0, type: string, source: current_task, resolve: comm}]
"""
NO_LABEL = "{key: c, operator: DoesNotExist}"
RETURN = "    return: true\n    returnArg: {index: 0, type: int}\n"


def explained(folder, spec):
    report = check(HEAD + spec, small_facts(folder))
    assert report.ok, report.problems
    (text,) = report.explanation
    return text


def with_selectors(folder, selectors, more=""):
    return explained(folder, f"{LSEEK}{more}    selectors: {selectors}\n")


@pytest.mark.parametrize(
    ("selector", "words"),
    [
        ("matchArgs: [{index: 0, operator: NotEqual, values: ['7']}]", "argument 0 is not 7"),
        (
            "matchArgs: [{index: 0, operator: NotEqual, values: ['7', '8']}]",
            "argument 0 is neither 7 nor 8",
        ),
        (
            "matchArgs: [{index: 2, operator: NotPrefix, values: [/a]}]",
            "argument 2 (name) does not begin with /a",
        ),
        # By its place in args it is the same one.
        (
            "matchArgs: [{args: [1], operator: SubString, values: [a, b]}]",
            "argument 2 (name) contains a or b",
        ),
        (
            "matchArgs: [{index: 2, operator: NotEqual, values: ["
            r'"a\0", "a\nb", ' + "x" * 99 + "]}]",
            "argument 2 (name) is neither a, 'a\\nb' nor '" + "x" * 60 + "'...",
        ),
        ("matchData: [{index: 0, operator: Postfix, values: [sh]}]", "data 0 ends with sh"),
        ("matchArgs: [{operator: CelExpr, values: ['arg0 > 5']}]", "(arg0 > 5)"),
        (
            "matchPIDs: [{operator: In, values: [1, 2], followForks: true}]",
            "the process id, or that of an ancestor, is 1 or 2",
        ),
        (
            "matchPIDs: [{operator: NotIn, values: [1], followForks: true, isNamespacePID: true}]",
            "neither the process id in its own namespace nor that of an ancestor is 1",
        ),
        (
            "matchBinaries: [{operator: NotIn, values: [/a, /b], followChildren: true}]",
            "neither the binary nor that of an ancestor is /a or /b",
        ),
        (
            "matchParentBinaries: [{operator: NotPostfix, values: [sh]}]",
            "the parent's binary does not end with sh",
        ),
        (
            "matchNamespaces: [{namespace: Pid, operator: NotIn, values: [host_ns, '7']}]",
            "its Pid namespace is neither the host's nor 7",
        ),
        (
            "matchNamespaceChanges: [{operator: In, values: [Uts, Mnt]}]",
            "its Uts or Mnt namespace has changed since the exec",
        ),
        (
            "matchNamespaceChanges: [{operator: NotIn, values: [Uts]}]",
            "one other than Uts has changed since the exec",
        ),
        (
            "matchCapabilities: [{type: Permitted, operator: NotIn, values: [CAP_CHOWN]}]",
            "the process has not CAP_CHOWN (permitted)",
        ),
        (
            "matchCapabilities: [{operator: In, values: [CAP_CHOWN], isNamespaceCapability: true}]",
            "the process has CAP_CHOWN (effective) in a user namespace of its own",
        ),
        (
            "matchCapabilityChanges: [{operator: In, values: [CAP_CHOWN, CAP_KILL]}]",
            "CAP_CHOWN or CAP_KILL has changed since the exec (effective)",
        ),
        (
            "matchWorkloads: {podSelector: {matchLabels: {app: a}}, hostSelector: {}}",
            "the process belongs to pods whose app is a or to the host",
        ),
        (
            "matchArgs: [{index: 0, operator: InMap, values: ['1', '2', '3', '4', '5', '6']}]",
            "argument 0 is among 1, 2, 3, 4 or 2 more",
        ),
    ],
)
def test_conditions(tmp_path, selector, words):
    assert f"If {words}, it reports the call." in with_selectors(tmp_path, f"[{{{selector}}}]")


@pytest.mark.parametrize(
    ("actions", "words"),
    [
        ("{action: Sigkill}", "sends SIGKILL to the process and reports the call"),
        ("{action: Signal, argSig: 40}, {action: NoPost}", "sends signal 40 to the process and"),
        ("{action: NoPost}", "reports nothing"),
        (
            "{action: Post, kernelStackTrace: true, rateLimit: 2m, rateLimitScope: global}",
            "reports the call with the kernel's stack, the same one once in 120 s in all",
        ),
        (
            "{action: Post, userStackTrace: true, rateLimit: '5', rateLimitScope: process}",
            "reports the call with the program's stack, the same one once in 5 s per process",
        ),
    ],
)
def test_actions(tmp_path, actions, words):
    text = with_selectors(tmp_path, f"[{{matchActions: [{actions}]}}]")
    assert f" In any case, it {words}" in text


def test_what_a_call_returns_instead(tmp_path):
    text = explained(
        tmp_path,
        "  kprobes:\n  - call: security_file_open\n    syscall: false\n"
        "    selectors: [{matchActions: [{action: Override, argError: -13}]}]\n",
    )
    assert "it lets the call return -13 (EACCES) without being done and reports the call" in text


def test_the_first_selector_that_matches_decides(tmp_path):
    one = "{matchArgs: [{index: 0, operator: Equal, values: ['7']}]}"
    text = with_selectors(tmp_path, f"[{one}, {{matchActions: [{{action: NoPost}}]}}, {one}]")
    assert "If argument 0 is 7, it reports the call. Else, it reports nothing." in text
    assert "The selectors behind that one never count." in text
    assert text.count("argument 0 is 7") == 1


def test_what_hangs_on_the_return_is_told_of_the_report_alone(tmp_path):
    text = with_selectors(
        tmp_path,
        "[{matchReturnArgs: [{operator: LT, values: ['0']}], matchActions: [{action: Sigkill}],"
        " matchReturnActions: [{action: Signal, argSig: 10}]}]",
        RETURN,
    )
    assert (
        "In any case, it sends SIGKILL to the process and reports the call, if the returned value"
        " is less than 0. When the function returns and the returned value is less than 0, it"
        " sends SIGUSR1 to the process." in text
    )


def test_what_it_costs(tmp_path):
    every = explained(tmp_path, LSEEK)
    assert every.endswith("A call costs about 60 ns, and its report some more.")
    some = with_selectors(tmp_path, "[{matchArgs: [{index: 0, operator: GT, values: ['7']}]}]")
    assert some.endswith("A call that does not match costs about 60 ns.")


def test_what_events_tell(tmp_path):
    assert (
        "Its events tell argument 0 as int, argument 2 (name) as string, data 0 as string and the"
        " returned value as int. They go out when the function returns."
        in explained(tmp_path, LSEEK + RETURN)
    )
    text = explained(tmp_path, "  kprobes: [{call: sys_lseek, args: [{index: 0, type: nop}]}]\n")
    assert "Its events tell" not in text


@pytest.mark.parametrize(
    ("spec", "is_hot"),
    [
        ("kprobes: [{call: security_file_open, syscall: false}]", True),
        ("tracepoints: [{subsystem: syscalls, event: sys_enter_openat}]", True),
        ("tracepoints: [{subsystem: raw_syscalls, event: sys_enter, raw: true}]", True),
        ("kprobes: [{call: do_thing, syscall: false}]", False),
        ("kprobes: [{call: sys_lseek}]", False),
    ],
)
def test_hot_places_are_warned_about(tmp_path, spec, is_hot):
    text = explained(tmp_path, f"  {spec}\n")
    assert "It reports every " in text
    assert ("Warning: this place is hot" in text) == is_hot


@pytest.mark.parametrize(
    ("more", "about"),
    [
        ("", ""),
        ("hostSelector: {}", "It is for processes of the host only."),
        (
            "containerSelector: {matchLabels: {name: web}}",
            "It is for processes of containers whose name is web, of pods only.",
        ),
        (
            "podSelector: {matchExpressions: [{key: app, operator: NotIn, values: [a, b]}]}",
            "It is for processes of pods whose app is neither a nor b only.",
        ),
        (
            "hostSelector: {}\n  podSelector: {matchExpressions: [{key: a, operator: Exists}]}",
            "It is for processes of pods with a label a and of the host only.",
        ),
        (
            "podSelector:\n    matchLabels: {a: b}\n    matchExpressions: [" + NO_LABEL + "]",
            "It is for processes of pods whose a is b and without a label c only.",
        ),
        (
            "nodeSelector: {matchLabels: {disk: fast}}",
            "In a cluster it is for nodes whose disk is fast only.",
        ),
        (
            "options: [{name: policy-mode, value: monitor}]",
            "Its mode is monitor: what it would send or change is told, and not done.",
        ),
    ],
)  # fmt: skip
def test_whom_a_policy_is_for(tmp_path, more, about):
    report = check(f"{HEAD}  kprobes: [{{call: sys_lseek}}]\n  {more}\n", small_facts(tmp_path))
    assert report.ok, report.problems
    assert report.about == about


def test_a_policy_of_a_namespace(tmp_path):
    head = HEAD.replace("{name: mine}", "{name: mine, namespace: shop}")
    head = head.replace("kind: TracingPolicy", "kind: TracingPolicyNamespaced")
    report = check(f"{head}  kprobes: [{{call: sys_lseek}}]\n", small_facts(tmp_path))
    assert report.about == "It is for processes of pods of the namespace shop only."


def test_a_policy_without_hooks(tmp_path):
    assert check(f"{HEAD}  loader: false\n", small_facts(tmp_path)).about == "It watches nothing."
