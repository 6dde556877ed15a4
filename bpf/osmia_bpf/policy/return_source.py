"""The C of the program at a function's return."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from osmia_bpf.policy.hook import RETURNED, Value
from osmia_bpf.policy.probe_source import ProbeSource
from osmia_bpf.policy.types import Family

if TYPE_CHECKING:
    from osmia_bpf.policy.hook import Argument, ResolvedHook
    from osmia_bpf.policy.selector_plan import SelectorPlan
    from osmia_bpf.programs import ProgramKind

RETURN_ENTRIES = 4096
"""Calls that can be under way at once."""


class ReturnSource(ProbeSource):
    """Writes the tests of the return, for calls that passed those of the call."""

    def __init__(
        self,
        hook: ResolvedHook,
        returned: Argument,
        kind: ProgramKind,
        selectors: list[SelectorPlan],
        first_selector: int,
        *,
        bounded_walks: bool,
    ) -> None:
        late = [
            Value(key, dataclasses.replace(argument, raw=f"s->entered.raw{key}"))
            for key, argument in hook.late_values
        ]
        super().__init__(
            hook,
            kind,
            f"{hook.number}_return",
            [Value(RETURNED, returned), *late],
            [selector.return_effect for selector in selectors],
            first_selector,
            bounded_walks=bounded_walks,
        )
        self._selectors = selectors
        self._returned = returned

    def declarations(self) -> None:
        """Write what a call leaves for its return, too."""
        number = self.hook.number
        late = [f"    u64 raw{key}, size{key};" for key, _ in self.values[1:]]
        self.c.write(
            f"struct entered_{number} {{\n    u64 ktime_ns;\n    u32 selector, posted;\n"
            + "\n".join(late)
            + "\n};\n"
            f'BPF_TABLE("lru_hash", struct call, struct entered_{number}, entered_{number}, '
            f"{RETURN_ENTRIES});",
            0,
        )
        super().declarations()

    def scratch_members(self) -> str:
        """Return what was left by the call."""
        return f"    struct entered_{self.hook.number} entered;\n"

    def begin(self) -> None:
        """Write what takes up what the call has left; calls that left nothing do not matter."""
        number = self.hook.number
        self.c.write(
            f"struct call call = {{bpf_get_current_pid_tgid(), {self.hook.frames[1]}}};\n"
            f"struct entered_{number} *found = entered_{number}.lookup(&call);\n"
            "if (!found)\n    goto leave;"
        )
        self.scratch()
        self.c.write(f"s->entered = *found;\nentered_{number}.delete(&call);")

    def resume(self) -> None:
        """Write nothing: what the call has left is in the scratch memory."""

    def prepare(self) -> None:
        """Write the sizes of buffers: what the function says that it has filled."""
        for key, argument in self.values[1:]:
            if argument.type.family is not Family.BUFFER:
                continue
            told = f"s->entered.size{key}" if argument.size else "0"
            self.c.write(f"u64 size{key} = {told};")
            if self._returned.type.family is Family.NUMBER and argument.type.sized_in_bytes:
                fits = f"filled{key} < size{key}" if argument.size else "1"
                self.c.write(
                    f"s64 filled{key} = {self._returned.number};\n"
                    f"if (filled{key} >= 0 && {fits})\n    size{key} = filled{key};"
                )

    def size_of(self, value: Value) -> str:
        """Return C for the size of a buffer."""
        return f"size{value.key}"

    def needed(self) -> set[str]:
        """Return the keys of values that tests look at."""
        return set().union(*(selector.tests.needs_at_return for selector in self._selectors))

    def decide(self) -> None:
        """Write the tests of the selector that the call has matched."""
        self.c.write("u32 selected = s->entered.selector;\nbool matched = 1;")
        for at, (tests, _, _) in enumerate(self._selectors):
            if tests.at_return:
                test = " && ".join(test for _, test in tests.at_return)
                self.c.write(f"if (selected == {at})\n    matched = {test};")
        self.c.write("if (!matched)\n    selected = NO_SELECTOR;")

    def conclude(self) -> None:
        """Write what tells that the call is not to be reported after all."""
        number = self.hook.number
        self.c.write("if (!s->entered.posted)\n    goto leave;")
        self.c.write("if (selected == NO_SELECTOR || !post) {")
        self.c.write(
            "struct policy_settings *its = settings.lookup(&zero);\n"
            f"fill_header(&record->header, its ? its->policy : 0, {number}, now);\n"
            "record->header.entry_ktime_ns = s->entered.ktime_ns;\n"
            "record->header.phase = PHASE_UNMATCHED;\n"
            f"submit({number}, record, sizeof(struct policy_header));\n"
            "goto leave;",
            2,
        )
        self.c.write("}")

    def fill(self) -> None:
        """Write which call it is that returns."""
        self.c.write(
            "record->header.entry_ktime_ns = s->entered.ktime_ns;\n"
            "record->header.phase = PHASE_RETURN;",
            2,
        )
