"""The C of the program at one moment of a hook, its call or its return.

Such a program tests and reports. Where a value is a path, which takes a walk, it becomes three that
call each other: the early tests, the walk as often as its depth needs, and the rest.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from osmia_bpf.policy.action_source import act, limit_declarations
from osmia_bpf.policy.c_text import CText
from osmia_bpf.policy.types import Family
from osmia_bpf.programs import CHAINABLE, Program, ProgramKind, Walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from osmia_bpf.policy.actions import Effect
    from osmia_bpf.policy.hook import ResolvedHook, Value

MAX_FRAMES = 64

_TEXT_BYTES = 4096
_FRAME_BYTES = 8
_STACK_BYTES = MAX_FRAMES * _FRAME_BYTES
_WALK = "walk"
_STACKS = ("kernel", "user")


class ProbeSource(ABC):
    """Writes the C of one moment.

    Variables of C end with the key of the value that they are for: `v0` a number, `a0` a pointer to
    its struct in the record, `slot0` the slot of its text, `t0` and `n0` the text and its size.
    """

    def __init__(
        self,
        hook: ResolvedHook,
        kind: ProgramKind,
        suffix: str,
        values: Sequence[Value],
        effects: Sequence[Effect],
        first_selector: int,
        *,
        bounded_walks: bool,
    ) -> None:
        """`bounded_walks` says that the kernel lets no program go along a whole path in one run."""
        self.hook = hook
        self.kind = kind
        self.suffix = suffix
        """What names of this moment's maps and structs end with."""
        self.values = values
        self.effects = effects
        self.first_selector = first_selector
        self._walks = _walks(len(self.paths)) if bounded_walks and self.paths else None
        self.c = CText()

    @property
    def name(self) -> str:
        """The function of the program that is attached."""
        return f"hook_{self.suffix}"

    @property
    def paths(self) -> list[Value]:
        """The values that take a walk."""
        return [value for value in self.values if value.argument.type.is_path]

    @property
    def texts(self) -> list[Value]:
        """All values with a text, which have slots; paths first, so that the walk can count."""
        others = [v for v in self.values if v.argument.type.has_text and v not in self.paths]
        return [*self.paths, *others]

    @property
    def has_stacks(self) -> bool:
        """Whether some selector reports stack traces."""
        return any(effect.has_stack for effect in self.effects)

    @property
    def _tail_bytes(self) -> int:
        """How long texts and stacks can be, all together."""
        stacks = len(_STACKS) * _STACK_BYTES if self.has_stacks else 0
        return len(self.texts) * _TEXT_BYTES + stacks

    def programs(self) -> list[Program]:
        """Return the programs, callees first."""
        chain = self.name if self.kind in CHAINABLE else ""
        stages = [
            Program(
                name=f"{self.name}_{stage}",
                kind=ProgramKind.TAIL_CALL,
                target=f"stages_{self.suffix}",
                index=index,
                btf_id=self.hook.btf_id,
                caller_kind=self.kind,
                chain=chain,
                alone=self._walks[0] if self._walks and stage == _WALK else None,
                chained=self._walks[1] if self._walks and stage == _WALK else None,
            )
            for index, stage in enumerate((_WALK, "finish"))
        ]
        attached = Program(
            name=self.name,
            kind=self.kind,
            target=self.hook.targets[0],
            btf_id=self.hook.btf_id,
            chain=chain,
            # The walks, and what finishes after them.
            tail_calls=(self._walks[1].runs if self._walks else 1) + len(self.paths)
            if self.paths
            else 0,
        )
        return [*(stages if self.paths else ()), attached]

    def text(self) -> str:
        """Return the C of the programs and their maps."""
        self.c = CText()
        self.declarations()
        self._open(self.name)
        self.begin()
        if self.paths:
            self._start_walks()
        else:
            self._rest()
        self._close()
        if self.paths:
            self._walk_program()
            self._open(f"{self.name}_finish")
            self.scratch()
            self.resume()
            self._rest()
            self._close()
        return str(self.c)

    # What the moments differ in

    @abstractmethod
    def begin(self) -> None:
        """Write what is tested before any value is read, and get the scratch `s`."""

    @abstractmethod
    def resume(self) -> None:
        """Write what takes up again, behind a walk, what `begin` has found."""

    @abstractmethod
    def needed(self) -> set[str]:
        """Return the keys of values that `decide` looks at."""

    @abstractmethod
    def decide(self) -> None:
        """Write the tests; `selected` then is the selector that matched."""

    @abstractmethod
    def fill(self) -> None:
        """Write what this moment puts into the header; runs where `post` holds."""

    def scratch_members(self) -> str:
        """Return what the moment keeps over a walk, as members of a C struct."""
        return ""

    @abstractmethod
    def prepare(self) -> None:
        """Write what values are read with."""

    @abstractmethod
    def conclude(self) -> None:
        """Write what comes between the actions and the report."""

    def knows_number(self, _value: Value) -> bool:
        """Tell whether `begin` puts a number into its variable."""
        return False

    def size_of(self, value: Value) -> str:
        """Return C for the size of a buffer."""
        return value.argument.size

    # Types and maps

    def declarations(self) -> None:
        """Write the structs and maps."""
        suffix, c = self.suffix, self.c
        members = [f"    struct {v.argument.type.struct} a{v.key};" for v in self.values]
        c.write(
            f"struct record_{suffix} {{\n    struct policy_header header;\n"
            + "\n".join(members)
            + (f"\n    char tail[{self._tail_bytes}];" if self._tail_bytes else "")
            + "\n} __attribute__((aligned(8)));\n"
            f"struct scratch_{suffix} {{\n    struct record_{suffix} record;\n"
            "    struct dentry *root_dentry;\n    struct vfsmount *root_mount;\n"
            f"    u32 walk, runs, candidates;\n{self.scratch_members()}}};\n"
            f"BPF_PERCPU_ARRAY(scratch_{suffix}, struct scratch_{suffix}, 1);",
            0,
        )
        if self.texts:
            c.write(f"BPF_PERCPU_ARRAY(slots_{suffix}, struct slot, {len(self.texts)});", 0)
        if self.paths:
            c.write(f"BPF_PROG_ARRAY(stages_{suffix}, 2);", 0)
        limit_declarations(c, suffix, self.effects, self.values)

    # Walks

    def _start_walks(self) -> None:
        self.c.write(
            "s->walk = s->runs = 0;\n"
            "struct fs_struct *fs = OF(task, fs);\n"
            "s->root_dentry = fs ? READ(fs, root.dentry) : 0;\n"
            "s->root_mount = fs ? READ(fs, root.mnt) : 0;"
        )
        for value in self.paths:
            key = value.key
            self._slot(value)
            self.c.write(f"struct file_value *a{key} = &s->record.a{key};")
            self.c.write(f"__builtin_memset(a{key}, 0, sizeof(*a{key}));")
            self._read(value)
        self.c.write(f"stages_{self.suffix}.call(ctx, 0);")
        self._lost()

    def _walk_program(self) -> None:
        self._open(f"{self.name}_walk")
        self.scratch()
        self.c.write(
            "u32 at = s->walk;\n"
            f"struct slot *slot = slots_{self.suffix}.lookup(&at);\n"
            "if (!slot)\n    goto leave;\n"
            "walk_path(slot, s->root_dentry, s->root_mount);\n"
            f"if (++s->runs >= {'OF_LOADER(WALK_RUNS_MARK)' if self._walks else 1}"
            " && slot->walking) {\n"
            "    slot->walking = 0;\n    slot->truncated = 1;\n}\n"
            "u32 next = 0;\nif (!slot->walking) {\n"
            "    finish_path(slot);\n    s->walk = at + 1;\n"
            f"    next = at + 1 >= {len(self.paths)};\n}}\n"
            f"stages_{self.suffix}.call(ctx, next);"
        )
        self._lost()
        self._close()

    def _lost(self) -> None:
        """Write what follows where a stage could not be called."""
        self.c.write(f"account({self.hook.number}, 1);\ngoto leave;")

    # Parts of programs

    def _open(self, name: str) -> None:
        result = "long" if self.hook.can_override else "int"
        self.c.write(f"{result} {name}(u64 *ctx)\n{{", 0)
        self.c.write("u32 zero = 0;\nstruct task_struct *task = current_task();")

    def _close(self) -> None:
        """Write what a program ends with, but where it gives a verdict."""
        self.c.write("leave:;", 0)
        if self.kind in CHAINABLE:
            self.c.write("PASS_ON(ctx);")
        self.c.write("return 0;\n}\n", 0)

    def scratch(self) -> None:
        """Write what gets the scratch memory `s`."""
        self.c.write(
            f"struct scratch_{self.suffix} *s = scratch_{self.suffix}.lookup(&zero);\n"
            "if (!s)\n    goto leave;"
        )

    def _slot(self, value: Value) -> None:
        key = value.key
        self.c.write(
            f"u32 slot_of_{key} = {self.texts.index(value)};\n"
            f"struct slot *slot{key} = slots_{self.suffix}.lookup(&slot_of_{key});\n"
            f"if (!slot{key})\n    goto leave;"
        )

    def _read(self, value: Value) -> None:
        key, argument = value
        self.c.write(
            argument.type.read.format(
                value=f"a{key}", slot=f"slot{key}", raw=argument.raw, size=self.size_of(value)
            )
        )

    def _rest(self) -> None:
        """Write late tests, actions and the report."""
        self.c.write(f"struct record_{self.suffix} *record = &s->record;")
        for key, argument in self.values:
            self.c.write(f"struct {argument.type.struct} *a{key} = &record->a{key};")
        self.prepare()
        needed = self.needed()
        self._values(value for value in self.values if value.key in needed)
        self.decide()
        self._values(value for value in self.values if value.key not in needed)
        self.c.write("u64 now = bpf_ktime_get_ns();")
        act(self.c, self.suffix, self.kind, self.first_selector, self.effects, self.values)
        self._report()

    def _values(self, values: Iterable[Value]) -> None:
        """Write what reads values; of paths, that were read before, what the text is."""
        for value in values:
            key, argument = value
            if argument.type.family is Family.NUMBER:
                if self.paths or not self.knows_number(value):
                    sign = "s" if argument.type.signed else "u"
                    self.c.write(f"{sign}64 v{key} = {argument.number};")
                self.c.write(f"a{key}->error = 0;\na{key}->size = 0;\na{key}->number = v{key};")
                continue
            if argument.type.has_text:
                self._slot(value)
            if not argument.type.is_path:
                self.c.write(f"a{key}->size = 0;")
                self._read(value)
            if argument.type.has_text:
                self.c.write(
                    f"u32 n{key} = slot{key}->size;\n"
                    f"u32 from{key} = slot{key}->from;\n"
                    f"opaque(from{key});\nfrom{key} &= TEXT_BYTES - 1;\n"
                    f"const char *t{key} = &slot{key}->text[from{key}];"
                )

    def _report(self) -> None:
        number, c = self.hook.number, self.c
        self.conclude()
        c.write("if (post) {")
        c.write(
            "struct policy_settings *own = settings.lookup(&zero);\n"
            f"fill_header(&record->header, own ? own->policy : 0, {number}, now);\n"
            "record->header.action = action;\n"
            f"record->header.selector = {self.first_selector} + selected;",
            2,
        )
        self.fill()
        for at, (key, argument) in enumerate(self.values):
            if argument.max_data:
                c.write(
                    f"if (!a{key}->error && a{key}->whole > TEXT_BYTES && slot{key}->address)\n"
                    f"    send_data(&record->header, {at}, slot{key}->address, a{key}->whole);",
                    2,
                )
        self._tail()
        fixed = f"sizeof(struct record_{self.suffix})"
        size = f"{fixed} - {self._tail_bytes} + used" if self._tail_bytes else fixed
        c.write(f"submit({number}, record, {size});", 2)
        c.write("}")
        if self.hook.can_override and any(effect.error is not None for effect in self.effects):
            # A result that the compiler cannot see through: the verifier wants it as one number.
            c.write("opaque(result);\nif (result)\n    return result;")

    def _tail(self) -> None:
        """Write the copies of texts and stacks behind the values; `used` is their size."""
        if not self._tail_bytes:
            return
        self.c.write("u64 used = 0;", 2)
        most = 0
        # In the order of the values.
        for key, argument in [value for value in self.values if value.argument.type.has_text]:
            if argument.type.is_path:
                self.c.write(f"a{key}->truncated = slot{key}->truncated;", 2)
            self.c.write(
                f"u64 copy{key} = n{key};\nAT_MOST(copy{key}, TEXT_BYTES);\n"
                f"AT_MOST(used, {most});\n"
                f"probe_read_kernel(&record->tail[used], copy{key}, t{key});\n"
                f"a{key}->size = copy{key};\nused += copy{key};",
                2,
            )
            most += _TEXT_BYTES
        if self.has_stacks:
            for which, flags in zip(_STACKS, (0, 1 << 8), strict=True):
                self.c.write(
                    f"if ({which}_stack) {{\n    AT_MOST(used, {most});\n"
                    f"    int bytes = bpf_get_stack(ctx, &record->tail[used], "
                    f"{_STACK_BYTES}, {flags});\n    if (bytes > 0) {{\n"
                    f"        record->header.{which}_frames = bytes / {_FRAME_BYTES};\n"
                    "        used += bytes;\n    }\n}",
                    2,
                )
                most += _STACK_BYTES
        self.c.write(f"AT_MOST(used, {most});", 2)


def _walks(paths: int) -> tuple[Walk, Walk]:
    """Return how far a program goes along some paths, alone and in a chain.

    Alone it is quick to load; the kernel allows two more tail calls, one to the program and one on
    from it. In a chain it is slow to load and needs few calls, so that four fit with one path each.
    One path may have the 2,048 components that 4,096 bytes can hold.
    """
    most = 31 - paths
    return Walk(70, most), Walk(342, min(6 * paths, most))
