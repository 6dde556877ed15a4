"""The pass that writes the C of a policy's programs.

A hook becomes one program that tests and reports. Where an argument is a path, which takes a
walk, it becomes three that call each other: the early tests, the walk as often as its depth needs,
and the rest. A hook that reports what its function returns has one more, at the return.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from osmia_bpf.policy.actions import ENFORCING, ActionNumber
from osmia_bpf.policy.registers import Call
from osmia_bpf.policy.types import Family
from osmia_bpf.policy.values import LAYOUTS
from osmia_bpf.programs import Program, ProgramKind

if TYPE_CHECKING:
    from osmia_bpf.policy.actions import Effect
    from osmia_bpf.policy.conditions import SelectorTests
    from osmia_bpf.policy.facts import KernelFacts
    from osmia_bpf.policy.hook import Argument, ResolvedHook

RATE_LIMIT_ENTRIES = 4096
RETURN_ENTRIES = 4096
KEY_BYTES = 40
"""How much of an argument's text tells repetitions apart, by the contract."""
MAX_FRAMES = 64

_TAIL_MASK = 16383
_TAIL_BYTES = 16384 + 4096
_FRAME_BYTES = 8
_SCOPE_IDS = {
    "thread": "bpf_get_current_pid_tgid()",
    "process": "bpf_get_current_pid_tgid() >> 32",
    "global": "0",
}


@dataclass
class HookSource:
    """Writes the C of one hook."""

    hook: ResolvedHook
    selectors: list[tuple[SelectorTests, Effect]]
    first_selector: int
    facts: KernelFacts
    uses_followers: bool
    lines: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The function of the program that is attached."""
        return f"hook_{self.hook.number}"

    @property
    def entry(self) -> list[tuple[int, Argument]]:
        """Arguments that are read at the call, by their places."""
        return [
            (at, argument)
            for at, argument in enumerate(self.hook.arguments)
            if argument.type.family is not Family.NOTHING and not argument.at_return
        ]

    @property
    def late(self) -> list[tuple[int, Argument]]:
        """Arguments that are read at the return."""
        return [(at, a) for at, a in enumerate(self.hook.arguments) if a.at_return]

    @property
    def paths(self) -> list[int]:
        """Places of the arguments that take a walk."""
        return [at for at, argument in self.entry if argument.type.is_path]

    @property
    def texts(self) -> list[int]:
        """Places of all arguments with a text: each has its slot."""
        return [at for at, a in (*self.entry, *self.late) if a.type.has_text]

    @property
    def has_stacks(self) -> bool:
        """Whether some selector reports stack traces."""
        return any(effect.kernel_stack or effect.user_stack for _, effect in self.selectors)

    @property
    def uses_process(self) -> bool:
        """Whether some test looks at what is known of the process."""
        tests = [test for selector, _ in self.selectors for _, test in selector.early]
        return any("process" in test for test in tests)

    def programs(self) -> list[Program]:
        """Return the hook's programs, callees first."""
        hook = self.hook
        found = []
        if self.paths:
            found += [
                Program(
                    name=f"{self.name}_{stage}",
                    kind=ProgramKind.TAIL_CALL,
                    target=f"stages_{hook.number}",
                    index=index,
                    btf_id=hook.btf_id,
                    caller_kind=hook.kind,
                )
                for index, stage in enumerate(("walk", "finish"))
            ]
        target = hook.targets[0]
        if hook.returned is not None and hook.return_kind is not None:
            found.append(
                Program(
                    name=f"{self.name}_return",
                    kind=hook.return_kind,
                    target=target,
                    btf_id=hook.btf_id,
                )
            )
        found.append(Program(name=self.name, kind=hook.kind, target=target, btf_id=hook.btf_id))
        return found

    def text(self) -> str:
        """Return the C of all the hook's programs and maps."""
        self._declarations()
        self._entry_program()
        if self.paths:
            self._walk_program()
            self._finish_program()
        if self.hook.returned is not None:
            self._return_program()
        return "\n".join(self.lines) + "\n"

    def _write(self, text: str, indent: int = 0) -> None:
        pad = "    " * indent
        self.lines += [pad + line if line else "" for line in text.splitlines()]

    # Types and maps

    def _declarations(self) -> None:
        number = self.hook.number
        members = [f"    struct {a.type.struct} a{at};" for at, a in self.entry]
        tail = self.texts or self.has_stacks
        self._write(
            f"struct record_{number} {{\n    struct policy_header header;\n"
            + "\n".join(members)
            + (f"\n    char tail[{_TAIL_BYTES}];" if tail else "")
            + "\n} __attribute__((aligned(8)));"
        )
        self._write(
            f"struct scratch_{number} {{\n    struct record_{number} record;\n"
            "    struct dentry *root_dentry;\n    struct vfsmount *root_mount;\n"
            "    u32 candidates, walk;\n};"
        )
        self._write(f"BPF_PERCPU_ARRAY(scratch_{number}, struct scratch_{number}, 1);")
        if self.texts:
            self._write(f"BPF_PERCPU_ARRAY(slots_{number}, struct slot, {len(self.texts)});")
        if self.paths:
            self._write(f"BPF_PROG_ARRAY(stages_{number}, 2);")
        if any(effect.rate_limit_ns for _, effect in self.selectors):
            sizes = [f"    char k{at}[{_key_bytes(a)}];" for at, a in self.entry]
            self._write(
                f"struct limit_{number} {{\n    u64 scope, selector;\n"
                + "\n".join(sizes)
                + "\n} __attribute__((aligned(8)));"
            )
            self._write(
                f'BPF_TABLE("lru_hash", struct limit_{number}, u64, limits_{number}, '
                f"{RATE_LIMIT_ENTRIES});"
            )
        if self.hook.returned is not None:
            late = [f"    u64 raw{at}, size{at};" for at, _ in self.late]
            self._write(
                f"struct entered_{number} {{\n    u64 ktime_ns;\n    u32 selector, unused;\n"
                + "\n".join(late)
                + "\n};"
            )
            self._write(
                f'BPF_TABLE("lru_hash", u64, struct entered_{number}, entered_{number}, '
                f"{RETURN_ENTRIES});"
            )
            members = [f"    struct {a.type.struct} a{at};" for at, a in self.late]
            self._write(
                f"struct return_{number} {{\n    struct policy_header header;\n"
                f"    struct {self.hook.returned.type.struct} returned;\n"
                + "\n".join(members)
                + (f"\n    char tail[{_TAIL_BYTES}];" if self._late_texts else "")
                + "\n} __attribute__((aligned(8)));"
            )
            self._write(f"BPF_PERCPU_ARRAY(returns_{number}, struct return_{number}, 1);")

    @property
    def _late_texts(self) -> list[int]:
        return [at for at, argument in self.late if argument.type.has_text]

    # Programs

    def _entry_program(self) -> None:
        self._open(self.name)
        self._early_tests()
        if self.paths:
            self._scratch()
            self._write("s->candidates = candidates;\ns->walk = 0;", 1)
            self._root()
            self._slots(self.paths)
            for at in self.paths:
                argument = self.hook.arguments[at]
                self._write(f"struct file_value *a{at} = &s->record.a{at};", 1)
                self._write(f"__builtin_memset(a{at}, 0, sizeof(*a{at}));", 1)
                self._read(at, argument, 1)
            self._write(f"stages_{self.hook.number}.call(ctx, 0);", 1)
            self._write(f"account({self.hook.number}, 1);\nreturn 0;", 1)
        else:
            self._scratch()
            self._rest()
        self._write("}\n")

    def _walk_program(self) -> None:
        number = self.hook.number
        self._open(f"{self.name}_walk")
        self._scratch()
        self._write("u32 at = s->walk;", 1)
        self._write(f"struct slot *slot = slots_{number}.lookup(&at);", 1)
        self._write("if (!slot)\n    return 0;", 1)
        self._write("walk_path(slot, s->root_dentry, s->root_mount);", 1)
        self._write("u32 next = 0;\nif (!slot->walking) {", 1)
        self._write("finish_path(slot);\ns->walk = at + 1;", 2)
        self._write(f"next = at + 1 >= {len(self.paths)};\n", 2)
        self._write("}", 1)
        self._write(f"stages_{number}.call(ctx, next);", 1)
        self._write(f"account({number}, 1);\nreturn 0;", 1)
        self._write("}\n")

    def _finish_program(self) -> None:
        self._open(f"{self.name}_finish")
        self._scratch()
        self._write("u32 candidates = s->candidates;", 1)
        self._rest()
        self._write("}\n")

    def _open(self, name: str) -> None:
        result = "long" if self.hook.can_override else "int"
        self._write(f"{result} {name}(u64 *ctx)\n{{")
        self._write("u32 zero = 0;\nstruct task_struct *task = current_task();", 1)

    def _scratch(self) -> None:
        number = self.hook.number
        self._write(f"struct scratch_{number} *s = scratch_{number}.lookup(&zero);", 1)
        self._write("if (!s)\n    return 0;", 1)

    def _root(self) -> None:
        self._write(
            "struct fs_struct *fs = OF(task, fs);\n"
            "s->root_dentry = fs ? READ(fs, root.dentry) : 0;\n"
            "s->root_mount = fs ? READ(fs, root.mnt) : 0;",
            1,
        )

    def _slots(self, places: list[int]) -> None:
        # The slots of paths come first, in their order, so that the walk can count them.
        order = [*self.paths, *(at for at in self.texts if at not in self.paths)]
        for at in places:
            self._write(f"u32 slot_of_{at} = {order.index(at)};", 1)
            self._write(
                f"struct slot *slot{at} = slots_{self.hook.number}.lookup(&slot_of_{at});", 1
            )
            self._write(f"if (!slot{at})\n    return 0;", 1)

    def _early_tests(self) -> None:
        """Write `candidates`: the selectors whose early tests hold."""
        self._write("u32 tgid = bpf_get_current_pid_tgid() >> 32;", 1)
        early_numbers = [
            at for at, a in self.entry if a.type.family is Family.NUMBER and not a.type.pointer
        ]
        for at in early_numbers:
            argument = self.hook.arguments[at]
            sign = "s" if argument.type.signed else "u"
            self._write(f"{sign}64 v{at} = {argument.number};", 1)
        if self.uses_followers:
            self._write("struct policy_settings *set = settings.lookup(&zero);", 1)
            self._write("if (!set)\n    return 0;", 1)
        if self.uses_process:
            # The other tests first: what is known of a process takes a look-up.
            cheap = [
                " && ".join(test for cost, test in tests.early if "process" not in test) or "1"
                for tests, _ in self.selectors
            ]
            if "1" not in cheap:
                self._write(f"if (!({' || '.join(f'({test})' for test in cheap)}))", 1)
                self._write("    return 0;", 1)
            self._write("struct process *process = processes.lookup(&tgid);", 1)
        self._write("u32 candidates = 0;", 1)
        for at, (tests, _) in enumerate(self.selectors):
            test = " && ".join(test for _, test in tests.early) or "1"
            before = self._decided_before(at)
            if before:
                test = f"!(candidates & {before:#x}) && {test}"
            self._write(f"if ({test})\n    candidates |= {1 << at:#x};", 1)
        self._write("if (!candidates)\n    return 0;", 1)

    def _decided_before(self, at: int) -> int:
        """Return selectors before this one that need no further test: they end the search."""
        return sum(1 << n for n, (tests, _) in enumerate(self.selectors[:at]) if not tests.late)

    def _rest(self) -> None:
        """Write late tests, actions and the report."""
        number = self.hook.number
        self._write(f"struct record_{number} *record = &s->record;", 1)
        for at, argument in self.entry:
            self._write(f"struct {argument.type.struct} *a{at} = &record->a{at};", 1)
        self._slots([at for at in self.texts if at not in self._late_texts])
        needed = set().union(*(tests.needs for tests, _ in self.selectors))
        unread = [at for at, _ in self.entry if at not in self.paths]
        for at in [at for at in unread if at in needed]:
            self._prepare_and_read(at)
        self._text_variables(needed)
        self._write("u32 selected = NO_SELECTOR;", 1)
        for at, (tests, _) in enumerate(self.selectors):
            test = " && ".join([f"(candidates & {1 << at:#x})", *(t for _, t in tests.late)])
            self._write(f"{'else ' if at else ''}if ({test})\n    selected = {at};", 1)
        self._write("if (selected == NO_SELECTOR)\n    return 0;", 1)
        for at in [at for at in unread if at not in needed]:
            self._prepare_and_read(at)
        self._text_variables(set(self.texts) - needed - set(self._late_texts))
        self._write("u64 now = bpf_ktime_get_ns();", 1)
        self._act()
        self._report()

    def _prepare_and_read(self, at: int) -> None:
        argument = self.hook.arguments[at]
        if argument.type.family is Family.NUMBER:
            if argument.type.pointer or self.paths:
                sign = "s" if argument.type.signed else "u"
                self._write(f"{sign}64 v{at} = {argument.number};", 1)
            self._write(f"a{at}->error = 0;\na{at}->size = 0;\na{at}->number = v{at};", 1)
            return
        self._write(f"a{at}->size = 0;", 1)
        self._read(at, argument, 1)

    def _read(self, at: int, argument: Argument, indent: int) -> None:
        text = argument.type.read.format(
            value=f"a{at}", slot=f"slot{at}", raw=argument.raw, size=argument.size
        )
        self._write(text, indent)

    def _text_variables(self, places: set[int]) -> None:
        for at in sorted(place for place in places if place in self.texts):
            self._write(
                f"u32 n{at} = slot{at}->size;\n"
                f"u32 from{at} = slot{at}->from;\n"
                f"opaque(from{at});\nfrom{at} &= TEXT_BYTES - 1;\n"
                f"const char *t{at} = &slot{at}->text[from{at}];",
                1,
            )

    def _act(self) -> None:
        """Write what each selector does; `post` tells whether an event goes out."""
        enforcing = any(
            number in ENFORCING for _, effect in self.selectors for number in effect.numbers
        )
        self._write("bool post = 1;\nu32 action = 0;", 1)
        if self.has_stacks:
            self._write("bool kernel_stack = 0, user_stack = 0;", 1)
        if enforcing:
            self._write(
                "struct policy_settings *mode = settings.lookup(&zero);\n"
                "bool enforce = mode && mode->enforce;",
                1,
            )
            if any(effect.error is not None for _, effect in self.selectors):
                self._write("long result = 0;", 1)
        for at, (_, effect) in enumerate(self.selectors):
            self._write(f"if (selected == {at}) {{", 1)
            self._effect(at, effect)
            self._write("}", 1)

    def _effect(self, at: int, effect: Effect) -> None:
        self._write(f"action = {int(effect.reported)};", 2)
        selector = self.first_selector + at
        for number in effect.numbers:
            enforced = "enforce" if number in ENFORCING else "1"
            if number is not ActionNumber.POST or not effect.rate_limit_ns:
                self._write(f"count_action({selector}, {int(number)}, {enforced});", 2)
        if effect.signal:
            self._write(f"if (enforce)\n    bpf_send_signal({effect.signal});", 2)
        if effect.error is not None:
            self._write(f"if (enforce)\n    result = {effect.error};", 2)
            if self.hook.kind is ProgramKind.KPROBE:
                self._write(f"if (enforce)\n    bpf_override_return(ctx, {effect.error});", 2)
        if not effect.post:
            self._write("post = 0;", 2)
        if effect.rate_limit_ns:
            self._rate_limit(selector, effect)
        if effect.kernel_stack:
            self._write("kernel_stack = 1;", 2)
        if effect.user_stack:
            self._write("user_stack = 1;", 2)

    def _rate_limit(self, selector: int, effect: Effect) -> None:
        number = self.hook.number
        self._write(f"struct limit_{number} key = {{}};", 2)
        self._write(f"key.scope = {_SCOPE_IDS[effect.rate_limit_scope]};", 2)
        self._write(f"key.selector = {selector};", 2)
        for at, argument in self.entry:
            if argument.type.has_text:
                self._write(
                    f"u64 part{at} = n{at};\nAT_MOST(part{at}, {KEY_BYTES});\n"
                    f"bpf_probe_read_kernel(key.k{at}, part{at}, t{at});",
                    2,
                )
            else:
                self._write(
                    f"__builtin_memcpy(key.k{at}, (char *)a{at} + 8, sizeof(key.k{at}));", 2
                )
        self._write(
            f"u64 *last = limits_{number}.lookup(&key);\n"
            f"if (last && now - *last < {effect.rate_limit_ns}ULL) {{\n    post = 0;\n}} else {{\n"
            f"    limits_{number}.update(&key, &now);\n"
            f"    count_action({selector}, {int(ActionNumber.POST)}, 1);\n}}",
            2,
        )

    def _report(self) -> None:
        number = self.hook.number
        set_id = "settings.lookup(&zero)"
        self._write("if (post) {", 1)
        self._write(f"struct policy_settings *own = {set_id};", 2)
        self._write(
            f"fill_header(&record->header, own ? own->policy : 0, {number}, now);\n"
            f"record->header.action = action;\n"
            f"record->header.selector = {self.first_selector} + selected;",
            2,
        )
        if len(self.hook.targets) > 1:
            call = Call(self.facts.btf, self.facts.machine, self.hook.kind)
            self._write(f"record->header.function = {call.function()};", 2)
        if self.hook.returned is not None:
            self._enter()
        texts = [at for at in self.texts if at not in self._late_texts]
        self._tail(texts, stacks=self.has_stacks)
        fixed = f"sizeof(struct record_{number})"
        if texts or self.has_stacks:
            self._write(f"submit({number}, record, {fixed} - {_TAIL_BYTES} + used);", 2)
        else:
            self._write(f"submit({number}, record, {fixed});", 2)
        self._write("}", 1)
        if self.hook.can_override and any(e.error is not None for _, e in self.selectors):
            # A result that the compiler cannot see through: the verifier wants it as one number.
            self._write("opaque(result);\nreturn result;", 1)
        else:
            self._write("return 0;", 1)

    def _enter(self) -> None:
        number = self.hook.number
        self._write("record->header.phase = PHASE_ENTRY;", 2)
        self._write(
            f"struct entered_{number} entered = {{.ktime_ns = now, .selector = selected}};", 2
        )
        for at, argument in self.late:
            self._write(f"entered.raw{at} = {argument.raw};", 2)
            self._write(f"entered.size{at} = {argument.size or '0'};", 2)
        self._write(
            "u64 thread = bpf_get_current_pid_tgid();\n"
            f"entered_{number}.update(&thread, &entered);",
            2,
        )

    def _tail(self, texts: list[int], *, stacks: bool) -> None:
        """Write the copies of texts and stacks behind the values; `used` is their size."""
        if not texts and not stacks:
            return
        self._write("u64 used = 0;", 2)
        for at in texts:
            if self.hook.arguments[at].type.is_path:
                self._write(f"a{at}->truncated = slot{at}->truncated;", 2)
            self._write(
                f"u64 copy{at} = n{at};\nAT_MOST(copy{at}, TEXT_BYTES);\n"
                f"opaque(used);\nused &= {_TAIL_MASK};\n"
                f"bpf_probe_read_kernel(&record->tail[used], copy{at}, t{at});\n"
                f"a{at}->size = copy{at};\nused += copy{at};",
                2,
            )
        if not stacks:
            return
        for which, flags in (("kernel", 0), ("user", 1 << 8)):
            self._write(
                f"if ({which}_stack) {{\n    opaque(used);\n    used &= {_TAIL_MASK};\n"
                f"    int bytes = bpf_get_stack(ctx, &record->tail[used], "
                f"{MAX_FRAMES * _FRAME_BYTES}, {flags});\n    if (bytes > 0) {{\n"
                f"        record->header.{which}_frames = bytes / {_FRAME_BYTES};\n"
                "        used += bytes;\n    }\n}",
                2,
            )
        self._write(f"AT_MOST(used, {_TAIL_BYTES});", 2)

    def _return_program(self) -> None:
        number, returned = self.hook.number, self.hook.returned
        assert returned is not None  # the caller's condition
        self._write(f"int {self.name}_return(u64 *ctx)\n{{")
        self._write(
            "u32 zero = 0;\nu64 thread = bpf_get_current_pid_tgid();\n"
            f"struct entered_{number} *found = entered_{number}.lookup(&thread);\n"
            "if (!found)\n    return 0;\n"
            f"struct entered_{number} entered = *found;\n"
            f"entered_{number}.delete(&thread);\n"
            f"struct return_{number} *record = returns_{number}.lookup(&zero);\n"
            "if (!record)\n    return 0;",
            1,
        )
        is_number = returned.type.family is Family.NUMBER
        sign = "s" if returned.type.signed else "u"
        value = returned.number if is_number else returned.raw
        self._write(f"{sign}64 returned = {value};", 1)
        self._write("u32 selected = entered.selector;\nbool matched = 1;", 1)
        for at, (tests, _) in enumerate(self.selectors):
            if tests.at_return:
                self._write(
                    f"if (selected == {at})\n    matched = {' && '.join(tests.at_return)};", 1
                )
        self._write(
            "struct policy_settings *own = settings.lookup(&zero);\n"
            f"fill_header(&record->header, own ? own->policy : 0, {number}, bpf_ktime_get_ns());\n"
            "record->header.entry_ktime_ns = entered.ktime_ns;\n"
            f"record->header.selector = {self.first_selector} + selected;\n"
            "record->header.phase = matched ? PHASE_RETURN : PHASE_UNMATCHED;\n"
            f"record->header.action = {int(ActionNumber.POST)};\n"
            "record->returned.error = 0;\nrecord->returned.size = 0;",
            1,
        )
        if is_number:
            self._write("record->returned.number = returned;", 1)
        else:
            read = returned.type.read.format(
                value="(&record->returned)", slot="", raw="returned", size="0"
            )
            self._write(read, 1)
        if self._late_texts:
            self._slots(self._late_texts)
        for at, argument in self.late:
            self._write(f"struct {argument.type.struct} *a{at} = &record->a{at};", 1)
            self._write(f"a{at}->size = 0;", 1)
            size = f"entered.size{at}"
            if argument.type.family is Family.BUFFER:
                # What the function says that it has filled.
                self._write(
                    f"if ((s64)returned >= 0 && (u64)returned < {size})\n    {size} = returned;", 1
                )
            self._write(
                argument.type.read.format(
                    value=f"a{at}", slot=f"slot{at}", raw=f"entered.raw{at}", size=size
                ),
                1,
            )
        if self._late_texts:
            self._text_variables(set(self._late_texts))
            self._write("{", 1)
            self._tail(self._late_texts, stacks=False)
            self._write(f"submit({number}, record, sizeof(*record) - {_TAIL_BYTES} + used);\n}}", 1)
        else:
            self._write(f"submit({number}, record, sizeof(*record));", 1)
        self._write("return 0;", 1)
        self._write("}\n")


def _key_bytes(argument: Argument) -> int:
    if argument.type.has_text:
        return KEY_BYTES
    # Behind error and size, which every value begins with.
    return min(KEY_BYTES, LAYOUTS[argument.type.struct][0].size - 8)
