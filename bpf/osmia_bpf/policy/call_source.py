"""The C of the program at a hook's call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia_bpf.policy.actions import Effect
from osmia_bpf.policy.probe_source import ProbeSource
from osmia_bpf.policy.registers import Call
from osmia_bpf.policy.types import Family

if TYPE_CHECKING:
    from osmia_bpf.policy.facts import KernelFacts
    from osmia_bpf.policy.hook import ResolvedHook, Value
    from osmia_bpf.policy.selector_plan import SelectorPlan


class CallSource(ProbeSource):
    """Writes the tests of the call: first those that need nothing but registers and the task."""

    def __init__(
        self,
        hook: ResolvedHook,
        selectors: list[SelectorPlan],
        first_selector: int,
        facts: KernelFacts,
        *,
        uses_followers: bool,
        workloads: str,
    ) -> None:
        super().__init__(
            hook,
            hook.kind,
            str(hook.number),
            hook.values_at_call,
            [selector.effect for selector in selectors],
            first_selector,
            bounded_walks=not facts.has_may_goto,
        )
        self._selectors = selectors
        self._facts = facts
        self._uses_followers = uses_followers
        self._workloads = workloads

    @property
    def uses_process(self) -> bool:
        """Whether some test looks at what is known of the process."""
        tests = [test for selector in self._selectors for _, test in selector.tests.early]
        return any("process" in test for test in tests)

    def begin(self) -> None:
        """Write `candidates`: the selectors whose early tests hold."""
        c = self.c
        if self._workloads:
            c.write(f"if (!{self._workloads})\n    goto leave;")
        c.write("u32 tgid = bpf_get_current_pid_tgid() >> 32;")
        for value in self.values:
            if self.knows_number(value):
                sign = "s" if value.argument.type.signed else "u"
                c.write(f"{sign}64 v{value.key} = {value.argument.number};")
        if self._uses_followers:
            c.write("struct policy_settings *set = settings.lookup(&zero);")
            c.write("if (!set)\n    goto leave;")
        if self.uses_process:
            # The other tests first: what is known of a process takes a look-up.
            cheap = [
                " && ".join(test for _, test in tests.early if "process" not in test) or "1"
                for tests, _, _ in self._selectors
            ]
            if "1" not in cheap:
                c.write(f"if (!({' || '.join(f'({test})' for test in cheap)}))\n    goto leave;")
            c.write("struct process *process = processes.lookup(&tgid);")
        c.write("u32 candidates = 0;")
        for at, (tests, _, _) in enumerate(self._selectors):
            test = " && ".join(test for _, test in tests.early) or "1"
            before = self._decided_before(at)
            if before:
                test = f"!(candidates & {before:#x}) && {test}"
            c.write(f"if ({test})\n    candidates |= {1 << at:#x};")
        c.write("if (!candidates)\n    goto leave;")
        self.scratch()
        if self.paths:
            c.write("s->candidates = candidates;")

    def _decided_before(self, at: int) -> int:
        """Return selectors before this one that need no further test: they end the search."""
        return sum(1 << n for n, (tests, _, _) in enumerate(self._selectors[:at]) if not tests.late)

    def resume(self) -> None:
        """Write what takes the candidates up again."""
        self.c.write("u32 candidates = s->candidates;")

    def knows_number(self, value: Value) -> bool:
        """Tell whether a number is at hand: it is, unless it takes a read of memory."""
        type_ = value.argument.type
        return type_.family is Family.NUMBER and not type_.pointer

    def needed(self) -> set[str]:
        """Return the keys of values that late tests look at."""
        return set().union(*(selector.tests.needs for selector in self._selectors))

    def decide(self) -> None:
        """Write late tests: the first of the candidates that passes them is selected."""
        self.c.write("u32 selected = NO_SELECTOR;")
        for at, (tests, _, _) in enumerate(self._selectors):
            test = " && ".join([f"(candidates & {1 << at:#x})", *(t for _, t in tests.late)])
            self.c.write(f"{'else ' if at else ''}if ({test})\n    selected = {at};")
        self.c.write("if (selected == NO_SELECTOR)\n    goto leave;")

    def prepare(self) -> None:
        """Write nothing: arguments say themselves where they are."""

    def conclude(self) -> None:
        """Write what the return will have to know, if there is more to come at all."""
        hook, number = self.hook, self.hook.number
        hashing = self._hashing()
        if hashing:
            # A call that is denied ends here: the program behind this one does not run.
            denying = any(effect.error is not None for effect in self.effects)
            if denying:
                # Before it is looked at: the verifier wants each result as one number.
                self.c.write("opaque(result);")
            allowed = " && !result" if denying else ""
            self.c.write(f"bool hashed = post && ({hashing}){allowed};")
            self.c.write(
                "if (hashed) {\n    u64 thread = bpf_get_current_pid_tgid();\n"
                f"    unhashed_{number}.update(&thread, &now);\n}}"
            )
        if hook.returned is None:
            return
        acting = [
            f"selected == {at}"
            for at, selector in enumerate(self._selectors)
            if selector.return_effect != Effect()
        ]
        self.c.write(f"if ({' || '.join(['post', *acting])}) {{")
        self.c.write(
            f"struct entered_{number} entered = "
            "{.ktime_ns = now, .selector = selected, .posted = post};",
            2,
        )
        for key, argument in hook.late_values:
            self.c.write(f"entered.raw{key} = {argument.raw};", 2)
            self.c.write(f"entered.size{key} = {argument.size or '0'};", 2)
        self.c.write(
            f"struct call call = {{bpf_get_current_pid_tgid(), {hook.frames[0]}}};\n"
            f"entered_{number}.update(&call, &entered);",
            2,
        )
        self.c.write("}")

    def fill(self) -> None:
        """Write which of many functions it is, and that a record of the return follows."""
        if len(self.hook.targets) > 1:
            call = Call(self._facts.btf, self._facts.machine, self.hook.kind)
            self.c.write(f"record->header.function = {call.function()};", 2)
        if self.hook.returned is not None:
            self.c.write("record->header.phase = PHASE_ENTRY;", 2)
        elif self._hashing():
            self.c.write("if (hashed)\n    record->header.phase = PHASE_ENTRY;", 2)

    def _hashing(self) -> str:
        """Return the test of whether the file is to be hashed; empty if it never is."""
        return " || ".join(
            f"selected == {at}" for at, effect in enumerate(self.effects) if effect.ima_hash
        )
