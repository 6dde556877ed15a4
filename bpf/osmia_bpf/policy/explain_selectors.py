"""The conditions of a selector in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia_bpf.policy.conditions import capability_pair, position
from osmia_bpf.policy.problems import Place, listed, shown
from osmia_bpf.policy.scope import POD_NAMESPACE, scope_of_workloads
from osmia_bpf.policy.types import Family

if TYPE_CHECKING:
    from collections.abc import Sequence

    from osmia_api.tracing_policy.selectors import (
        ArgumentSelector,
        BinarySelector,
        CapabilitySelector,
        PidSelector,
        Selector,
    )
    from osmia_bpf.policy.hook import Argument, ResolvedHook
    from osmia_bpf.policy.scope import Requirement, Scope

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


def conditions(hook: ResolvedHook, selector: Selector) -> list[str]:
    """Return what must hold at the call, each as a clause; nothing if every call matches."""
    found = [_argument(hook, entry, data=False) for entry in selector.match_args]
    found += [_argument(hook, entry, data=True) for entry in selector.match_data]
    found += map(_pids, selector.match_pids)
    found += [_binaries("the binary", entry) for entry in selector.match_binaries]
    found += [_binaries("the parent's binary", entry) for entry in selector.match_parent_binaries]
    for namespace in selector.match_namespaces:
        inodes = ["the host's" if value == "host_ns" else value for value in namespace.values]
        found.append(f"its {namespace.namespace} namespace {relation(namespace.operator, inodes)}")
    found += map(_capabilities, selector.match_capabilities)
    for changed in selector.match_namespace_changes:
        kinds = listed(changed.values, "or")
        which = f"its {kinds} namespace" if changed.operator == "In" else f"one other than {kinds}"
        found.append(f"{which} has changed since the exec")
    found += map(_capability_changes, selector.match_capability_changes)
    scope = scope_of_workloads(selector.match_workloads)
    if not scope.is_everything:
        found.append(f"the process belongs to {' or to '.join(workloads(scope))}")
    return found


def return_conditions(selector: Selector) -> list[str]:
    """Return what must hold of what the function returns."""
    return [
        f"the returned value {relation(entry.operator, entry.values)}"
        for entry in selector.match_return_args
    ]


def name_of(argument: Argument, *, data: bool) -> str:
    """Return what an argument is called: by its index, and its label if it has one."""
    label = f" ({argument.label})" if argument.label else ""
    return f"{'data' if data else 'argument'} {argument.index}{label}"


def _argument(hook: ResolvedHook, entry: ArgumentSelector, *, data: bool) -> str:
    if entry.operator == "CelExpr":
        return listed([f"({text})" for text in entry.values], "or")
    nowhere = Place(hook.path)  # the passes before have found all that can be wrong
    if entry.operator == "CapabilitiesGained":
        old, new = capability_pair(hook, entry, nowhere)
        gained = name_of(new.argument, data=False)
        return f"{gained} has a capability that {name_of(old.argument, data=False)} has not"
    argument = hook.arguments[position(hook, entry, nowhere, data=data)]
    words = relation(entry.operator, entry.values)
    if argument.type.family is Family.SOCKADDR:  # it is one end only
        words = words.replace("the source port", "the port").replace("comes from", "is")
        words = words.replace("does not come from", "is not")
    return f"{name_of(argument, data=data)} {words}"


def _pids(entry: PidSelector) -> str:
    which = "the process id in its own namespace" if entry.is_namespace_pid else "the process id"
    values = [str(value) for value in entry.values]
    return _with_ancestors(which, entry.operator, values, follow=entry.follow_forks)


def _binaries(which: str, entry: BinarySelector) -> str:
    # An empty value has no effect.
    values = [value for value in entry.values if value]
    return _with_ancestors(which, entry.operator, values, follow=entry.follow_children)


def _with_ancestors(which: str, operator: str, values: list[str], *, follow: bool) -> str:
    if not follow:
        return f"{which} {relation(operator, values)}"
    if operator == "In":
        return f"{which}, or that of an ancestor, {relation(operator, values)}"
    return f"neither {which} nor that of an ancestor {relation('In', values)}"


def _capabilities(entry: CapabilitySelector) -> str:
    has = "has" if entry.operator == "In" else "has not"
    text = f"the process {has} {listed(entry.values, 'or')} ({entry.type.lower()})"
    return text + _user_namespace(entry)


def _capability_changes(entry: CapabilitySelector) -> str:
    values = listed(entry.values, "or")
    has = f"{values} has" if entry.operator == "In" else f"{values} has not"
    return f"{has} changed since the exec ({entry.type.lower()})" + _user_namespace(entry)


def _user_namespace(entry: CapabilitySelector) -> str:
    return " in a user namespace of its own" if entry.is_namespace_capability else ""


def workloads(scope: Scope) -> list[str]:
    """Return which workloads a scope has, each kind of them in words."""
    parts = []
    if not scope.is_host:
        pods = "pods"
        if scope.namespace:
            pods += f" of the namespace {scope.namespace}"
        pods += labels(scope.pods)
        if scope.containers:
            pods = f"containers{labels(scope.containers)}, of {pods}"
        parts.append(pods)
    if scope.host:
        parts.append("the host")
    return parts


def labels(requirements: Sequence[Requirement] | None) -> str:
    """Return what follows the name of things that have certain labels only."""
    return "".join(f" {'and ' if at else ''}{_label(e)}" for at, e in enumerate(requirements or ()))


def _label(each: Requirement) -> str:
    key = "namespace" if each.key == POD_NAMESPACE else each.key
    if each.operator in {"In", "NotIn"}:
        return f"whose {key} {relation(each.operator, each.values)}"
    return f"with a label {key}" if each.operator == "Exists" else f"without a label {key}"


def relation(operator: str, values: Sequence[str]) -> str:
    """Return how something relates to values: a verb, and the values."""
    kind = operator.removeprefix("Not")
    values = [_plain(value) for value in values]
    words = _RELATIONS.get(kind, kind)
    if kind == operator:
        return f"{words} {listed(values, 'or') or _NOTHING.get(kind, '')}".rstrip()
    if words == "is" and len(values) > 1:
        return f"is neither {listed(values, 'nor')}"
    return f"{_negated(words)} {listed(values, 'or') or _NOTHING.get(kind, '')}".rstrip()


def _plain(value: str) -> str:
    """Return a value on one line, cut if it is long, in quotes only if it is not plain."""
    value = value.rstrip("\0")
    cut = shown(value)
    return value if value.isprintable() and not cut.endswith("...") else cut


_NOTHING = {"In": "any of none", "Prefix": "any of none", "Postfix": "any of none"}
"""What stands for values where a policy gives none."""


def _negated(words: str) -> str:
    verb, _, rest = words.partition(" ")
    if verb == "is":
        return f"is not {rest}".rstrip()
    infinitive = {"has": "have", "goes": "go"}.get(verb, verb.removesuffix("s"))
    return f"does not {infinitive} {rest}".rstrip()
