"""A hook of a policy in words: what it watches, when, what it does, and what it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia_api.problems import format_path
from osmia_bpf.policy.actions import ActionNumber
from osmia_bpf.programs import ProgramKind

if TYPE_CHECKING:
    from osmia_api.tracing_policy.selectors import ArgumentSelector, Selector
    from osmia_bpf.policy.actions import Effect
    from osmia_bpf.policy.hook import ResolvedHook
    from osmia_bpf.policy.source import HookSource

HOT = frozenset(
    {
        "raw_syscalls/sys_enter",
        "raw_syscalls/sys_exit",
        "sched/sched_switch",
        "sched/sched_wakeup",
        "kmem/kmalloc",
        "kmem/kfree",
        "security_file_permission",
        "security_inode_permission",
        "security_inode_getattr",
        "security_file_open",
        "security_mmap_file",
        "file_permission",
        "inode_permission",
        "inode_getattr",
        "file_open",
        "fd_install",
        "tcp_sendmsg",
        "tcp_recvmsg",
        "ip_output",
        "dev_queue_xmit",
        "__cgroup_bpf_run_filter_skb",
        "cap_capable",
        "sys_read",
        "sys_write",
        "sys_futex",
        "sys_close",
        "sys_openat",
        "vfs_read",
        "vfs_write",
    }
)
"""Places that a busy node passes ten thousand times in a second and more."""

_KIND_NAMES = {
    ProgramKind.FENTRY: "a call of the kernel function",
    ProgramKind.MODIFY_RETURN: "a call of the kernel function",
    ProgramKind.KPROBE: "a call of the kernel function",
    ProgramKind.KPROBE_MULTI: "a call of one of the kernel functions",
    ProgramKind.TRACEPOINT: "the tracepoint",
    ProgramKind.FORMATTED_TRACEPOINT: "the tracepoint",
    ProgramKind.UPROBE: "a call of the program's function",
    ProgramKind.LSM: "the security hook",
}
_TRAMPOLINE_NS = 60
_KPROBE_NS = 350
_COSTS_NS = {
    ProgramKind.FENTRY: _TRAMPOLINE_NS,
    ProgramKind.MODIFY_RETURN: _TRAMPOLINE_NS,
    ProgramKind.LSM: _TRAMPOLINE_NS,
    ProgramKind.TRACEPOINT: _TRAMPOLINE_NS,
    ProgramKind.FORMATTED_TRACEPOINT: 250,
    ProgramKind.KPROBE: _KPROBE_NS,
    ProgramKind.KPROBE_MULTI: _KPROBE_NS,
    ProgramKind.UPROBE: 1500,
}
_PATH_NS = 600
_TEXT_NS = 150
_LOOK_UP_NS = 100
_RETURN_NS = 150
_SHOWN_VALUES = 4


def explain_hook(source: HookSource) -> str:
    """Return a paragraph about one hook."""
    hook = source.hook
    sentences = [f"{format_path(hook.path)} watches {_what(hook)}."]
    if not hook.selectors:
        sentences.append("It reports every call.")
    for at, (selector, planned) in enumerate(
        # A hook without selectors has one that always matches.
        zip(hook.selectors, source.selectors, strict=False)
    ):
        lead = "If" if at == 0 else "Else, if"
        conditions = _conditions(selector)
        when = f"{lead} {' and '.join(conditions)}" if conditions else "In any case"
        sentences.append(f"{when}, it {_effect(planned.effect)}.")
        if selector.match_return_actions:
            sentences.append(f"When the function returns, it {_effect(planned.return_effect)}.")
    if hook.returned is not None:
        sentences.append("The event tells what the function returned, and goes out then.")
    if is_hot(hook):
        sentences.append("Warning: this place is hot on a busy node.")
    sentences.append(f"A call that does not match costs about {cost_ns(source)} ns.")
    return " ".join(sentences)


def is_hot(hook: ResolvedHook) -> bool:
    """Tell whether a busy node passes one of the hook's places very often."""
    names = {hook.name, *hook.targets}
    bare = {name.partition("_sys_")[2] for name in names if "_sys_" in name}
    return bool((names | {f"sys_{name}" for name in bare}) & HOT)


def cost_ns(source: HookSource) -> int:
    """Return about what a call costs that does not match, in nanoseconds of one processor."""
    hook = source.hook
    cost = _COSTS_NS.get(hook.kind, _KPROBE_NS)
    needed = source.call.needed()
    paths = {value.key for value in source.call.paths}
    early = all(selector.tests.early for selector in source.selectors)
    if source.call.uses_process:
        cost += _LOOK_UP_NS
    # Texts are read only after the early tests have let the call pass.
    if not early:
        cost += _PATH_NS * len(paths)
        cost += _TEXT_NS * len(needed - paths)
    if hook.returned is not None:
        cost += _RETURN_NS
    return cost


def _what(hook: ResolvedHook) -> str:
    kind = _KIND_NAMES.get(hook.kind, "")
    if hook.section == "uprobes":
        return f"{kind} {hook.targets[0] or hex(hook.address or hook.offset)} in {hook.name}"
    if len(hook.targets) > 1:
        return f"{kind} {_listed(list(hook.targets), 'or')}"
    return f"{kind} {hook.name}"


def _conditions(selector: Selector) -> list[str]:
    found = [_argument("argument", entry) for entry in selector.match_args]
    found += [_argument("data", entry) for entry in selector.match_data]
    for pids in selector.match_pids:
        which = "its process id in its own namespace" if pids.is_namespace_pid else "the process id"
        among = _among(pids.operator, [str(value) for value in pids.values])
        more = " (or that of an ancestor)" if pids.follow_forks else ""
        found.append(f"{which}{more} {among}")
    for binaries in selector.match_binaries:
        more = " (or that of an ancestor)" if binaries.follow_children else ""
        found.append(f"the binary{more} {_relation(binaries.operator, list(binaries.values))}")
    for binaries in selector.match_parent_binaries:
        more = " (or that of an ancestor)" if binaries.follow_children else ""
        relation = _relation(binaries.operator, list(binaries.values))
        found.append(f"the parent's binary{more} {relation}")
    for namespace in selector.match_namespaces:
        among = _among(namespace.operator, list(namespace.values))
        found.append(f"the {namespace.namespace} namespace {among}")
    for capability in selector.match_capabilities:
        has = "has" if capability.operator == "In" else "has not"
        found.append(
            f"the process {has} {_listed(list(capability.values), 'or')}"
            f" ({capability.type.lower()})"
        )
    if selector.match_namespace_changes:
        found.append("namespaces have changed since the exec")
    if selector.match_capability_changes:
        found.append("capabilities have changed since the exec")
    found += [
        f"the returned value {_relation(entry.operator, list(entry.values))}"
        for entry in selector.match_return_args
    ]
    return found


def _argument(what: str, entry: ArgumentSelector) -> str:
    if entry.operator == "CelExpr":
        return _listed([f"({text})" for text in entry.values], "or")
    if entry.operator == "CapabilitiesGained":
        old, new = entry.args if len(entry.args) == 2 else (entry.index, entry.values[0])
        return f"{what} {new} has a capability that {what} {old} has not"
    place = entry.args[0] if entry.args else entry.index
    return f"{what} {place} {_relation(entry.operator, list(entry.values))}"


_RELATIONS = {
    "Equal": "is",
    "In": "is",
    "InMap": "is among",
    "InRange": "is within",
    "Prefix": "begins with",
    "Postfix": "ends with",
    "GT": "is greater than",
    "GreaterThan": "is greater than",
    "LT": "is less than",
    "LessThan": "is less than",
    "Mask": "has a bit of",
    "SAddr": "comes from",
    "DAddr": "goes to",
    "SPort": "has the source port",
    "DPort": "has the destination port",
    "SPortPriv": "has a privileged source port",
    "DPortPriv": "has a privileged destination port",
    "SportPriv": "has a privileged source port",
    "Protocol": "has the protocol",
    "Family": "has the family",
    "State": "is in the state",
    "FileType": "is of the type",
    "SubString": "contains",
    "SubStringIgnCase": "contains, in either case,",
}


def _relation(operator: str, values: list[str]) -> str:
    kind = operator.removeprefix("Not")
    relation = _RELATIONS.get(kind, kind)
    if kind != operator:
        relation = _negated(relation)
    return f"{relation} {_listed(values, 'or')}".rstrip()


def _negated(relation: str) -> str:
    verb, _, rest = relation.partition(" ")
    if verb == "is":
        return f"is not {rest}".rstrip()
    infinitive = {"has": "have", "goes": "go"}.get(verb, verb.removesuffix("s"))
    return f"does not {infinitive} {rest}".rstrip()


def _among(operator: str, values: list[str]) -> str:
    return f"{'is' if operator == 'In' else 'is not'} {_listed(values, 'or')}"


def _listed(values: list[str], word: str) -> str:
    if len(values) > _SHOWN_VALUES:
        rest = len(values) - _SHOWN_VALUES
        return f"{', '.join(values[:_SHOWN_VALUES])} {word} {rest} more"
    if len(values) < 2:
        return "".join(values)
    return f"{', '.join(values[:-1])} {word} {values[-1]}"


def _effect(effect: Effect) -> str:
    parts = [f"sends signal {signal} to the process" for signal in effect.signals]
    if effect.error is not None:
        parts.append(f"lets the call return {effect.error} without being done")
    if effect.post:
        limit = ""
        if effect.rate_limit_ns:
            seconds = effect.rate_limit_ns / 1e9
            limit = f", the same one once in {seconds:g} s per {effect.rate_limit_scope}"
        parts.append(f"reports the call{limit}")
    elif ActionNumber.NOPOST in effect.numbers:
        parts.append("reports nothing")
    return " and ".join(parts)
