"""What `osmia policy check` and `osmia policy explain` say of a policy, nothing being loaded."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from osmia_api.problems import InvalidObjectError, format_path
from osmia_api.tracing_policy import load_policy
from osmia_bpf.policy.binaries import look_up
from osmia_bpf.policy.explain import explain_hook, explain_policy
from osmia_bpf.policy.lines import Lines
from osmia_bpf.policy.plan import plan_of
from osmia_bpf.policy.problems import HookError

if TYPE_CHECKING:
    from collections.abc import Container
    from pathlib import Path

    from osmia_api.problems import Problem
    from osmia_api.tracing_policy import TracingPolicySpec
    from osmia_bpf.policy.facts import KernelFacts
    from osmia_bpf.policy.plan import Plan


@dataclass(frozen=True)
class Attachment:
    """One program that would be attached: to what, and for which hook."""

    place: str
    kind: str
    targets: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """What a policy would be on a kernel."""

    name: str = ""
    """Empty if it cannot be read."""
    attachments: tuple[Attachment, ...] = ()
    problems: tuple[Problem, ...] = ()
    """What cannot be done, with lines; ignored ones are not among them."""
    missing: tuple[Problem, ...] = ()
    """What uprobes would not find, or not as they need it, in the files that they name."""
    ignored: tuple[Problem, ...] = ()
    """What cannot be done and the policy says to overlook."""
    about: str = ""
    """Whom the policy is for, and in what mode, if there is something special in that."""
    explanation: tuple[str, ...] = ()
    """One paragraph for each hook."""
    source: str = ""
    """The C of the programs."""

    @property
    def ok(self) -> bool:
        """Whether every hook can be done."""
        return not self.problems and not self.missing


def check(text: str, facts: KernelFacts) -> Report:
    """Run all passes over a policy given as YAML."""
    try:
        policy = load_policy(text)
    except InvalidObjectError as error:
        return Report(problems=error.problems)
    name = policy.metadata.name
    lines = Lines(text)
    try:
        planned = plan_of(policy, facts)
    except HookError as error:
        return Report(name, problems=(lines.problem(error),))
    missing = _missing(planned, policy.spec, facts.root) if facts.root is not None else {}
    return Report(
        name=name,
        attachments=_attachments(planned, missing),
        problems=tuple(lines.problem(each) for each in planned.problems if not each.ignored),
        # A file that is not there is told once, not for each place in it.
        missing=tuple(dict.fromkeys(map(lines.problem, missing.values()))),
        ignored=tuple(lines.problem(each) for each in planned.problems if each.ignored),
        about=explain_policy(policy),
        explanation=tuple(explain_hook(source) for source in planned.hooks),
        source=planned.text(),
    )


def _missing(planned: Plan, spec: TracingPolicySpec, root: Path) -> dict[int, HookError]:
    """Return what is wrong with the places of uprobes, by the number of the hook."""
    found = {}
    hooks = [source.hook for source in planned.hooks if source.hook.section == "uprobes"]
    for path, of_model in groupby(hooks, key=lambda hook: hook.path):
        model = spec.uprobes[int(path[-1])]
        for at, hook in enumerate(of_model):
            try:
                look_up(hook, model, at, root)
            except HookError as error:
                found[hook.number] = error
    return found


def _attachments(planned: Plan, missing: Container[int]) -> tuple[Attachment, ...]:
    found = []
    for source in planned.hooks:
        hook = source.hook
        if hook.number in missing:
            continue
        targets = hook.targets
        if hook.section == "uprobes":
            targets = (f"{hook.name}:{hook.targets[0] or hex(hook.address or hook.offset)}",)
        place = format_path(hook.path)
        found.append(Attachment(place, str(hook.kind), targets))
        if hook.returned is not None and hook.return_kind is not None:
            found.append(Attachment(place, str(hook.return_kind), targets))
    return tuple(found)
