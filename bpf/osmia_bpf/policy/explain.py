"""A policy in words: whom it is for; what each hook watches, when, does, and costs."""

from __future__ import annotations

import errno
import re
import signal
from typing import TYPE_CHECKING

from osmia_api.problems import format_path
from osmia_bpf.policy.actions import ActionNumber
from osmia_bpf.policy.explain_selectors import (
    conditions,
    labels,
    name_of,
    return_conditions,
    workloads,
)
from osmia_bpf.policy.problems import listed
from osmia_bpf.policy.scope import requirements_of, scope_of
from osmia_bpf.policy.types import Family
from osmia_bpf.policy.validate import hooks_of
from osmia_bpf.programs import ProgramKind

if TYPE_CHECKING:
    from osmia_api.tracing_policy import Policy
    from osmia_bpf.policy.actions import Effect
    from osmia_bpf.policy.hook import ResolvedHook
    from osmia_bpf.policy.source import HookSource

HOT = frozenset(
    {
        "raw_syscalls/sys_enter",
        "raw_syscalls/sys_exit",
        "sched/sched_switch",
        "sched/sched_wakeup",
        "sched/sched_waking",
        "sched/sched_stat_runtime",
        "irq/irq_handler_entry",
        "irq/irq_handler_exit",
        "irq/softirq_entry",
        "irq/softirq_exit",
        "irq/softirq_raise",
        "timer/timer_start",
        "timer/hrtimer_start",
        "rcu/rcu_utilization",
        "kmem/kmalloc",
        "kmem/kfree",
        "kmem/kmem_cache_alloc",
        "kmem/kmem_cache_free",
        "kmem/mm_page_alloc",
        "kmem/mm_page_free",
        "net/net_dev_queue",
        "net/net_dev_xmit",
        "net/netif_receive_skb",
        "skb/consume_skb",
        "skb/kfree_skb",
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
        "sys_newfstatat",
        "sys_mmap",
        "sys_poll",
        "sys_epoll_wait",
        "sys_recvfrom",
        "sys_recvmsg",
        "sys_sendmsg",
        "sys_sendto",
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
_SYSTEM_CALL = re.compile(r"(?:__\w+?_sys_|(?:syscalls/)?sys_(?:enter|exit)_)(\w+)")


def explain_policy(policy: Policy) -> str:
    """Return whom a policy is for, and in what mode; empty if there is nothing special in that."""
    sentences = []
    scope = scope_of(policy)
    if not scope.is_everything:
        sentences.append(f"It is for processes of {' and of '.join(workloads(scope))} only.")
    if nodes := requirements_of(policy.spec.node_selector):
        sentences.append(f"In a cluster it is for nodes{labels(nodes)} only.")
    if any(each == ("policy-mode", "monitor") for each in _options(policy)):
        sentences.append("Its mode is monitor: what it would send or change is told, and not done.")
    if not hooks_of(policy.spec):
        sentences.append("It watches nothing.")
    return " ".join(sentences)


def _options(policy: Policy) -> list[tuple[str, str]]:
    return [(option.name, option.value) for option in policy.spec.options]


def explain_hook(source: HookSource) -> str:
    """Return a paragraph about one hook."""
    hook = source.hook
    noun = "event" if hook.section == "tracepoints" else "call"
    sentences = [f"{format_path(hook.path)} watches {_what(hook)}."]
    if not hook.selectors:
        sentences.append(f"It reports every {noun}.")
    for at, (selector, planned) in enumerate(
        # A hook without selectors has one that always matches.
        zip(hook.selectors, source.selectors, strict=False)
    ):
        if_it = " and ".join(conditions(hook, selector))
        only_if = " and ".join(return_conditions(selector))
        told = _effect(planned.effect, noun, f", if {only_if}" if only_if else "")
        if at == 0:
            sentences.append(f"If {if_it}, it {told}." if if_it else f"In any case, it {told}.")
        else:
            sentences.append(f"Else, if {if_it}, it {told}." if if_it else f"Else, it {told}.")
        if selector.match_return_actions:
            then = _return_effect(planned.return_effect, noun)
            when = f" and {only_if}" if only_if else ""
            sentences += [f"When the function returns{when}, it {then}."] if then else []
        if not if_it and at + 1 < len(hook.selectors):
            sentences.append("The selectors behind that one never count.")
            break
    sentences += _told(hook)
    if is_hot(hook):
        sentences.append("Warning: this place is hot on a busy node.")
    if all(conditions(hook, selector) for selector in hook.selectors) and hook.selectors:
        sentences.append(f"A call that does not match costs about {cost_ns(source)} ns.")
    else:
        sentences.append(f"A call costs about {cost_ns(source)} ns, and its report some more.")
    return " ".join(sentences)


def _told(hook: ResolvedHook) -> list[str]:
    """Return what events of a hook hold."""
    values = [
        f"{name_of(argument, data=at >= hook.data_from)} as {argument.type.name}"
        for at, argument in enumerate(hook.arguments)
        if argument.type.family is not Family.NOTHING
    ]
    if hook.returned is not None:
        values.append(f"the returned value as {hook.returned.type.name}")
    *first, last = values or [""]
    both = f"{', '.join(first)} and {last}" if first else last
    found = [f"Its events tell {both}."] if values else []
    if hook.returned is not None or hook.late_values:
        found.append("They go out when the function returns.")
    return found


def is_hot(hook: ResolvedHook) -> bool:
    """Tell whether a busy node passes one of the hook's places very often."""
    names = {hook.name, *hook.targets}
    calls = {match[1] for match in map(_SYSTEM_CALL.fullmatch, names) if match}
    return bool((names | {f"sys_{name}" for name in calls}) & HOT)


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
        return f"{kind} {listed(list(hook.targets), 'or')}"
    return f"{kind} {hook.name}"


def _effect(effect: Effect, noun: str, only_if: str = "") -> str:
    """Return what follows a match; the report may depend on more, which is at the return."""
    parts = _acts(effect)
    if effect.post:
        parts.append(f"reports the {noun}{_of_the_report(effect)}{only_if}")
    elif ActionNumber.NOPOST in effect.numbers:
        parts.append("reports nothing")
    return " and ".join(parts)


def _return_effect(effect: Effect, noun: str) -> str:
    """Return what follows at the return, where a report has been promised already."""
    parts = _acts(effect)
    if not effect.post:
        parts.append(f"does not report the {noun} after all")
    elif said := _of_the_report(effect):
        parts.append(f"reports the {noun}{said}")
    return " and ".join(parts)


def _acts(effect: Effect) -> list[str]:
    parts = [f"sends {_signal_name(signal)} to the process" for signal in effect.signals]
    if effect.error is not None:
        name = errno.errorcode.get(-effect.error)
        shown = f"{effect.error} ({name})" if name else str(effect.error)
        undone = " without being done" if effect.error else ""  # 0 is leave to do it
        parts.append(f"lets the call return {shown}{undone}")
    return parts


def _of_the_report(effect: Effect) -> str:
    """Return what comes with a report, and how often there is one."""
    stacks = {"the kernel's stack": effect.kernel_stack, "the program's stack": effect.user_stack}
    extras = [name for name, wanted in stacks.items() if wanted]
    extras += ["the file's IMA hash"] if effect.ima_hash else []
    text = f" with {listed(extras, 'and')}" if extras else ""
    if effect.rate_limit_ns:
        seconds = effect.rate_limit_ns / 1e9
        whose = (
            "in all" if effect.rate_limit_scope == "global" else f"per {effect.rate_limit_scope}"
        )
        text += f", the same one once in {seconds:g} s {whose}"
    return text


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
