"""The pass that decides which programs a policy becomes on one kernel, and the whole C of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from osmia_bpf.headers import struct_definitions
from osmia_bpf.policy import ima_source, lists
from osmia_bpf.policy.actions import ACTION_COUNTS, ENFORCING, Effect, effect
from osmia_bpf.policy.conditions import Conditions, SelectorTests
from osmia_bpf.policy.problems import HookError, Place, listed
from osmia_bpf.policy.resolve import CallNotFoundError, Resolver
from osmia_bpf.policy.schema import (
    ArgumentSchema,
    FollowerSchema,
    HookProblem,
    HookSchema,
    PolicySchema,
)
from osmia_bpf.policy.scope import EVERYTHING, Scope, scope_of
from osmia_bpf.policy.selector_plan import SelectorPlan
from osmia_bpf.policy.source import HookSource
from osmia_bpf.policy.task_fields import CGROUP_FIELDS, TASK_FIELDS
from osmia_bpf.policy.validate import hooks_of, validate, validate_hook
from osmia_bpf.programs import CHAIN_MARK, WALK_COMPONENTS_MARK, WALK_RUNS_MARK, c_source

if TYPE_CHECKING:
    from collections.abc import Callable

    from osmia_api.problems import Path
    from osmia_api.tracing_policy import Policy, TracingPolicySpec
    from osmia_bpf.policy.facts import KernelFacts
    from osmia_bpf.policy.hook import Argument, ResolvedHook
    from osmia_bpf.programs import Program

# Generated tests stand in more parentheses than a person would write.
_QUIET = '#pragma clang diagnostic ignored "-Wparentheses-equality"\n'
_READER = re.compile(r"\b(read_\w+)\(")
_SLOT_REST_BYTES = 256
_TEXT_BYTES = 4096
_ITERATORS = ("ITER_UBUF", "ITER_IOVEC", "ITER_KVEC")
_MODE_OPTION = "policy-mode"
_METHOD_OPTION = "override-method"


@dataclass(frozen=True)
class Plan:
    """A policy's hooks as they can be done on one kernel, and those that cannot."""

    hooks: tuple[HookSource, ...]
    problems: tuple[HookProblem, ...]
    conditions: Conditions
    enforced: bool

    @property
    def fields(self) -> dict[str, tuple[str, ...]]:
        """The fields of kernel structs that the C needs."""
        fields = {name: list(members) for name, members in TASK_FIELDS.items()}
        if self.conditions.scopes:
            for name, members in CGROUP_FIELDS.items():
                fields[name] = [*fields.get(name, ()), *members]
        needed = [argument.type.fields for argument in self._arguments()]
        needed += [ima_source.FIELDS for hook in self.hooks if hook.hash]
        for each in needed:
            for name, members in each.items():
                known = fields.setdefault(name, [])
                known += [member for member in members if member not in known]
        return {name: tuple(members) for name, members in fields.items()}

    def _arguments(self) -> list[Argument]:
        found = [argument for hook in self.hooks for argument in hook.hook.arguments]
        return found + [hook.hook.returned for hook in self.hooks if hook.hook.returned]

    def _readers(self) -> list[str]:
        """Return the C functions that read arguments: each that is left out is less to compile."""
        templates = {argument.type.read for argument in self._arguments()}
        readers = {name for text in templates for name in _READER.findall(text)}
        if "read_unix_address" in readers:
            readers |= {"read_sockaddr", "read_bytes"}
        if "read_iov_iter" in readers:
            readers |= {"read_iovec", "read_bytes"}
        return sorted(readers)

    def schema(self, line: Callable[[Path], int | None] = lambda _: None) -> PolicySchema:
        """Return what the agent has to know of the programs; `line` tells that of a place."""
        return PolicySchema(
            hooks=tuple(_schema(hook, line(hook.hook.path)) for hook in self.hooks),
            problems=tuple(
                msgspec.structs.replace(each, line=line(each.path)) for each in self.problems
            ),
            followers=tuple(
                FollowerSchema(follower.binaries, follower.pids, follower.namespaced)
                for follower in self.conditions.process.followers
            ),
            scopes=tuple(self.conditions.scopes),
            uses_processes=self.conditions.process.uses_processes,
            enforces=any(
                number in ENFORCING
                for hook in self.hooks
                for selector in hook.selectors
                for number in (*selector.effect.numbers, *selector.return_effect.numbers)
            ),
            enforced=self.enforced,
        )

    def programs(self) -> tuple[Program, ...]:
        """Return all programs, callees before their callers."""
        return tuple(program for hook in self.hooks for program in hook.programs())

    def text(self) -> str:
        """Return the C of the policy; without hooks that can be done it is empty."""
        if not self.hooks:
            return ""
        facts = self.conditions.facts
        rest = max(_SLOT_REST_BYTES, (self.conditions.texts.longest + 15) & ~7)
        if "read_iovec" in self._readers():
            rest = max(rest, _TEXT_BYTES)
        defines = {
            "HOOKS": len(self.hooks),
            "SELECTORS": sum(max(1, len(hook.selectors)) for hook in self.hooks),
            "ACTION_COUNTS": ACTION_COUNTS,
            "CHAIN_MARK": CHAIN_MARK,
            "WALK_COMPONENTS_MARK": WALK_COMPONENTS_MARK,
            "WALK_RUNS_MARK": WALK_RUNS_MARK,
            "FOLLOWERS": max(1, len(self.conditions.process.followers)),
            "SLOT_REST_BYTES": rest,
        }
        if facts.has_may_goto:
            defines["HAVE_MAY_GOTO"] = 1
        if facts.has_current_task_btf():
            defines["HAVE_CURRENT_TASK_BTF"] = 1
        defines |= {f"USES_{reader}": 1 for reader in self._readers()}
        if any(hook.hash for hook in self.hooks):
            defines["USES_hash_file"] = 1
        for kind in _ITERATORS:
            number = facts.btf.enumerator("iter_type", kind)
            if number is not None:
                defines[f"HAVE_{kind}"] = number
        files = [
            "records.h",
            "task.h",
            "text.h",
            "network.h",
            "objects.h",
            "submit.h",
            "data.h",
            "chain.h",
        ]
        if self.conditions.process.uses_processes:
            files.append("processes.h")
        shared = []
        if self.conditions.scopes:
            defines["SCOPES"] = len(self.conditions.scopes)
            if (subsystem := facts.cgroup_v1_subsystem()) is not None:
                defines["CGROUP_V1_SUBSYSTEM"] = subsystem
            files.append("scope.h")
            shared.append("cgroup.h")
        parts = [f"#define {name} {value}\n" for name, value in defines.items()]
        parts += [_QUIET, struct_definitions(facts.btf, self.fields), c_source("read.h")]
        for name in files:
            parts.append(c_source(f"policy/{name}"))
            if name == "task.h":
                parts += map(c_source, shared)
        parts += self.conditions.texts.functions
        parts += [hook.text() for hook in self.hooks]
        return "\n".join(parts)


def plan_of(policy: Policy, facts: KernelFacts) -> Plan:
    """Return how a policy is done on a kernel, for the workloads that it names; see `plan`."""
    if not policy.metadata.name:
        Place(("metadata", "name")).fail("required here: only an API server generates names")
    return plan(policy.spec, facts, scope_of(policy))


def plan(spec: TracingPolicySpec, facts: KernelFacts, scope: Scope = EVERYTHING) -> Plan:
    """Return how a policy is done on a kernel; `scope` is what the whole policy applies to.

    Raises `HookError` if the policy as a whole makes no sense. A hook that cannot be done becomes
    one of the plan's problems; the others are not affected.
    """
    validate(spec)
    problems: list[HookProblem] = []
    list_values = {}
    for at, each in enumerate(spec.lists):
        try:
            list_values[each.name] = lists.elements(each, facts, Place(("spec", "lists", at)))
        except HookError as error:
            problems.append(HookProblem(error.path, error.message))
    options = {option.name: option.value for option in spec.options}
    resolver = Resolver(
        facts,
        spec,
        list_values,
        prefer_override_return=options.get(_METHOD_OPTION) == "override-return",
    )
    conditions = Conditions(facts, list_values)
    workloads = conditions.workloads(scope)
    hooks: list[HookSource] = []
    selectors = 0
    for section, place, model in hooks_of(spec):
        try:
            validate_hook(section, model, place)
            resolved = resolver.hooks(model, len(hooks), section, place)
            sources = []
            for hook in resolved:
                source = HookSource(
                    hook,
                    _selectors(hook, conditions),
                    selectors,
                    facts,
                    uses_followers=bool(conditions.process.followers),
                    workloads=workloads,
                )
                sources.append(source)
                selectors += max(1, len(source.selectors))
        except CallNotFoundError as error:
            problems.append(HookProblem(error.path, error.message, ignored=True))
        except HookError as error:
            problems.append(HookProblem(error.path, error.message))
        else:
            hooks += sources
            problems += [_missing(hook, place) for hook in resolved if hook.missing]
    return Plan(
        hooks=tuple(hooks),
        problems=tuple(problems),
        conditions=conditions,
        enforced=options.get(_MODE_OPTION) != "monitor",
    )


def _missing(hook: ResolvedHook, place: Place) -> HookProblem:
    """Return that a hook which can be done is not everywhere where the policy wants it."""
    where = place / "call"
    return HookProblem(
        where.path, f"this kernel has no function {listed(hook.missing, 'or')}", ignored=True
    )


def _selectors(hook: ResolvedHook, conditions: Conditions) -> list[SelectorPlan]:
    place = Place(hook.path) / "selectors"
    return [
        SelectorPlan(
            conditions.of_selector(hook, selector, place / at),
            effect(selector.match_actions, place / at / "matchActions"),
            effect(selector.match_return_actions, place / at / "matchReturnActions"),
        )
        for at, selector in enumerate(hook.selectors)
    ] or [SelectorPlan(SelectorTests(), Effect(), Effect())]


def _schema(source: HookSource, line: int | None) -> HookSchema:
    hook = source.hook
    programs = source.programs()
    return HookSchema(
        path=hook.path,
        line=line,
        section=hook.section,
        name=hook.name,
        targets=hook.targets,
        address=hook.address,
        offset=hook.offset,
        digests=hook.digests,
        any_digest=hook.any_digest,
        reference_counter=hook.reference_counter,
        program=source.call.name,
        return_program=source.second.name if source.second else "",
        stages=tuple(p.name for p in programs if p.caller_kind is not None),
        arguments=tuple(map(_argument, hook.arguments)),
        data_from=hook.data_from,
        returned=_argument(hook.returned) if hook.returned else None,
        ima_hash=source.hash is not None,
        message=hook.message,
        tags=hook.tags,
        first_selector=source.first_selector,
        selector_labels=tuple(selector.label for selector in hook.selectors),
    )


def _argument(argument: Argument) -> ArgumentSchema:
    return ArgumentSchema(
        argument.type.name, argument.type.struct, argument.label, argument.at_return
    )
