"""The pass that looks up a policy's names: functions, tracepoints, types of arguments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from osmia_api.tracing_policy.hooks import Kprobe, LsmHook, Tracepoint, Uprobe
from osmia_bpf.btf import COMPOSITES, Btf, Kind
from osmia_bpf.policy import btf_path, lists, syscalls
from osmia_bpf.policy.hook import Argument, ResolvedHook
from osmia_bpf.policy.macros import expanded
from osmia_bpf.policy.problems import HookError
from osmia_bpf.policy.registers import Call
from osmia_bpf.policy.types import TYPES, Family
from osmia_bpf.policy.validate import message_text, tag_texts
from osmia_bpf.programs import ProgramKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from osmia_api.tracing_policy import TracingPolicySpec
    from osmia_api.tracing_policy import arguments as models
    from osmia_api.tracing_policy.hooks import Hook
    from osmia_api.tracing_policy.selectors import Selector
    from osmia_bpf.policy.facts import FormatField, KernelFacts
    from osmia_bpf.policy.problems import Place
    from osmia_bpf.policy.types import ArgumentType

_POINTERS = {
    "file": "file",
    "path": "path",
    "dentry": "dentry",
    "sock": "sock",
    "socket": "socket",
    "sk_buff": "skb",
    "sockaddr": "sockaddr",
    "cred": "cred",
    "user_namespace": "user_namespace",
    "linux_binprm": "linux_binprm",
    "filename": "filename",
    "kiocb": "kiocb",
    "bpf_prog": "bpf_prog",
    "bpf_map": "bpf_map",
    "perf_event": "perf_event",
    "module": "module",
    "load_info": "load_info",
    "net_device": "net_device",
}
_NUMBERS = {
    (1, False): "uint8",
    (2, False): "uint16",
    (4, False): "uint32",
    (8, False): "uint64",
    (1, True): "int8",
    (2, True): "int16",
    (4, True): "int32",
    (8, True): "int64",
}
_RAW_SYSCALL_ID = 4


class CallNotFoundError(HookError):
    """The function is missing, and the policy says to leave the hook out then."""


@dataclass(frozen=True)
class Resolver:
    """Resolves the hooks of one policy."""

    facts: KernelFacts
    spec: TracingPolicySpec
    lists: Mapping[str, tuple[str, ...]]
    prefer_override_return: bool = False

    def hooks(self, hook: Hook, number: int, section: str, place: Place) -> list[ResolvedHook]:
        """Return what one hook of a policy comes to: several if it is at places of a binary.

        `number` is that of the first. Raises `HookError` for what this kernel cannot do.
        """
        if isinstance(hook, Kprobe):
            return [self._function(hook, number, section, place)]
        if isinstance(hook, Tracepoint):
            return [self._tracepoint(hook, number, section, place)]
        if isinstance(hook, LsmHook):
            return [self._lsm(hook, number, section, place)]
        if isinstance(hook, Uprobe):
            return self._uprobe(hook, number, section, place)
        raise place.error(f"{section} are not supported by this version")

    def _needs(self, place: Place, *kinds: ProgramKind) -> ProgramKind:
        """Return the first of these kinds that the kernel has."""
        for kind in kinds:
            if kind in self.facts.kinds:
                return kind
        raise place.error(f"this kernel does not let one attach {' or '.join(kinds)} programs")

    def _selectors(self, hook: Hook, place: Place) -> tuple[Selector, ...]:
        return tuple(
            expanded(selector, self.spec.selectors_macros, place / "selectors" / at)
            for at, selector in enumerate(hook.selectors)
        )

    # Functions of the kernel

    def _function(self, hook: Kprobe, number: int, section: str, place: Place) -> ResolvedHook:
        targets = self._targets(hook, place)
        symbol = targets[0]
        function_id = self.facts.btf.find(symbol, Kind.FUNC)
        overrides = any(
            action.action == "Override"
            for selector in hook.selectors
            for action in selector.match_actions
        )
        kind = self._kind(section, targets, function_id, place, overrides=overrides)
        parameters = (
            [p.type_id for p in self.facts.btf.parameters(function_id)] if function_id else []
        )
        call = Call(self.facts.btf, self.facts.machine, kind, symbol, len(parameters) or 6)
        types = [] if syscalls.is_wrapper(symbol) else parameters
        arguments = self._arguments(hook.args, hook.data, call, types, place)
        returned = return_kind = None
        if hook.return_ and hook.return_arg is not None:
            return_kind = (
                self._needs(place / "return", ProgramKind.KRETPROBE)
                if kind in {ProgramKind.KPROBE, ProgramKind.KPROBE_MULTI}
                else self._needs(place / "return", ProgramKind.FEXIT)
            )
            exit_call = Call(
                self.facts.btf, self.facts.machine, return_kind, symbol, call.parameters
            )
            returned = self._returned(hook.return_arg, exit_call, place / "returnArg")
        if hook.return_arg_action:
            (place / "returnArgAction").fail("not supported by this version")
        return ResolvedHook(
            number=number,
            path=place.path,
            section=section,
            kind=kind,
            targets=targets,
            btf_id=function_id or 0,
            name=symbol if len(targets) == 1 else "",
            arguments=arguments,
            data_from=len(hook.args),
            selectors=self._selectors(hook, place),
            message=message_text(hook.message, place / "message"),
            tags=tag_texts(hook.tags, place / "tags"),
            returned=returned,
            return_kind=return_kind,
        )

    def _targets(self, hook: Kprobe, place: Place) -> tuple[str, ...]:
        where = place / "call"
        name = hook.call.removeprefix(lists.PREFIX)
        if name == hook.call:
            symbol = syscalls.function(name, self.facts.machine) if hook.syscall else name
            if not self.facts.has_function(symbol):
                message = f"this kernel has no function {symbol}"
                if hook.ignore is not None and hook.ignore.call_not_found:
                    raise CallNotFoundError(where.path, message)
                where.fail(message)
            return (symbol,)
        spec = next((each for each in self.spec.lists if each.name == name), None)
        if spec is None or name not in self.lists:
            where.fail(f"there is no list {name!r} in spec.lists")
        functions = lists.functions(spec, self.lists[name], self.facts.machine)
        present = tuple(each for each in functions if self.facts.has_function(each))
        if not present:
            where.fail(f"this kernel has none of the functions of list {name!r}")
        return present

    def _kind(
        self,
        section: str,
        targets: tuple[str, ...],
        function_id: int | None,
        place: Place,
        *,
        overrides: bool,
    ) -> ProgramKind:
        if len(targets) > 1:
            if overrides:
                place.fail("Override is not for lists of functions")
            return self._needs(place, ProgramKind.KPROBE_MULTI, ProgramKind.KPROBE)
        if section == "fentries":
            if not function_id:
                place.fail(f"the kernel's type information has no function {targets[0]}")
            return self._needs(place, ProgramKind.FENTRY)
        if overrides:
            return self._overriding_kind(targets[0], function_id, place)
        if function_id:
            return self._needs(place, ProgramKind.FENTRY, ProgramKind.KPROBE)
        return self._needs(place, ProgramKind.KPROBE)

    def _overriding_kind(self, symbol: str, function_id: int | None, place: Place) -> ProgramKind:
        kinds = self.facts.kinds
        if function_id and symbol.startswith("security_") and ProgramKind.MODIFY_RETURN in kinds:
            return ProgramKind.MODIFY_RETURN
        if self.facts.override_return:
            if (
                function_id
                and ProgramKind.MODIFY_RETURN in kinds
                and not (self.prefer_override_return)
            ):
                return ProgramKind.MODIFY_RETURN
            return self._needs(place, ProgramKind.KPROBE)
        if not symbol.startswith("security_"):
            place.fail(
                f"the action Override of {symbol} needs a kernel with"
                " CONFIG_FUNCTION_ERROR_INJECTION; functions security_* and lsmhooks do not"
            )
        return self._needs(place, ProgramKind.MODIFY_RETURN)

    def _returned(self, model: models.Argument, call: Call, place: Place) -> Argument:
        type_ = self._type(model, None, place)
        if type_.family is Family.NOTHING or type_.has_text:
            place.fail(f"a returned value of type {type_.name} is not supported by this version")
        return Argument(type_, model.index, model.label, call.returned())

    # Arguments

    def _arguments(
        self,
        args: tuple[models.Argument, ...],
        data: tuple[models.Argument, ...],
        call: Call,
        types: list[int],
        place: Place,
    ) -> tuple[Argument, ...]:
        found = [
            self._argument(model, call, types, place / "args" / at) for at, model in enumerate(args)
        ]
        found += [self._data(model, call, place / "data" / at) for at, model in enumerate(data)]
        return tuple(found)

    def _argument(
        self, model: models.Argument, call: Call, types: list[int], place: Place
    ) -> Argument:
        if model.source:
            (place / "source").fail("is for data only")
        try:
            raw = call.argument(model.index)
        except IndexError:
            (place / "index").fail(f"{model.index}: functions have at most 6 arguments here")
        if types and model.index >= len(types):
            (place / "index").fail(f"{model.index}: {call.symbol} has {len(types)} arguments")
        declared = types[model.index] if types else None
        if model.resolve:
            return self._resolved(model, raw, declared, place)
        type_ = self._type(model, declared, place)
        size = self._size(model, type_, call, place)
        return Argument(type_, model.index, model.label, raw, size, at_return=model.return_copy)

    def _size(self, model: models.Argument, type_: ArgumentType, call: Call, place: Place) -> str:
        if type_.family is not Family.BUFFER:
            return ""
        if model.max_data:
            (place / "maxData").fail("not supported by this version: buffers of 4096 bytes at most")
        if not model.size_arg_index:
            (place / "sizeArgIndex").fail(f"needed for {type_.name}: which argument holds its size")
        try:
            return call.argument(model.size_arg_index - 1)
        except IndexError:
            (place / "sizeArgIndex").fail(f"{model.size_arg_index}: there is no such argument")

    def _data(self, model: models.Argument, call: Call, place: Place) -> Argument:
        if model.source == "current_task":
            task = self.facts.btf.require("task_struct", Kind.STRUCT)
            return self._resolved(model, "(u64)task", task, place)
        if model.source == "pt_regs":
            register = call.register(model.resolve)
            if register is None:
                (place / "resolve").fail(f"{model.resolve!r} is not a register, such as ip or di")
            return Argument(self._type(model, None, place), model.index, model.label, register)
        raise (place / "source").error(f"{model.source!r} is not current_task or pt_regs")

    def _resolved(
        self, model: models.Argument, raw: str, declared: int | None, place: Place
    ) -> Argument:
        if model.btf_type_module:
            (place / "btfTypeModule").fail("not supported by this version")
        if model.btf_type:
            name = model.btf_type.removeprefix("struct ")
            declared = self.facts.btf.find(name, Kind.STRUCT)
            if declared is None:
                (place / "btfType").fail(f"this kernel has no struct {name}")
        if declared is None:
            (place / "btfType").fail("needed: the argument's own type is not known")
        where = place / "resolve"
        at = btf_path.locate(self.facts.btf, declared, raw, model.resolve, where)
        type_ = self._type(model, at.type_id, place)
        value = btf_path.value(self.facts.btf, at, pointer=type_.pointer, place=where)
        return Argument(type_, model.index, model.label, value)

    def _type(self, model: models.Argument, declared: int | None, place: Place) -> ArgumentType:
        name: str = model.type
        if name == "auto":
            inferred = None if declared is None else inferred_type(self.facts.btf, declared)
            if inferred is None:
                (place / "type").fail("cannot be told from the kernel's types: give one")
            name = inferred
        type_ = TYPES.get(name)
        if type_ is None:
            (place / "type").fail(f"{name} is not supported by this version")
        for struct in type_.fields:
            if self.facts.btf.find(struct, Kind.STRUCT) is None:
                (place / "type").fail(f"{name}: this kernel has no struct {struct}")
        return type_

    # Tracepoints

    def _tracepoint(
        self, hook: Tracepoint, number: int, section: str, place: Place
    ) -> ResolvedHook:
        types = self.facts.btf.tracepoint_arguments(hook.event)
        syscall_only = (hook.subsystem, hook.event) == ("raw_syscalls", "sys_enter") and all(
            argument.index == _RAW_SYSCALL_ID and not argument.resolve for argument in hook.args
        )
        by_btf = types is not None and ProgramKind.TRACEPOINT in self.facts.kinds
        if hook.raw:
            if types is None:
                (place / "event").fail(f"this kernel has no tracepoint {hook.event}")
            kind = self._needs(place, ProgramKind.TRACEPOINT)
            call = Call(self.facts.btf, self.facts.machine, kind)
            arguments = self._arguments(hook.args, (), call, types, place)
        elif syscall_only and by_btf:
            # The same call without the copy of its arguments that a format needs.
            kind = ProgramKind.TRACEPOINT
            arguments = tuple(
                self._syscall_id(model, "LOAD(64, ctx, 8)", place / "args" / at)
                for at, model in enumerate(hook.args)
            )
        else:
            kind = self._needs(place, ProgramKind.FORMATTED_TRACEPOINT)
            try:
                fields = self.facts.tracepoint(hook.subsystem, hook.event)
            except OSError as error:
                place.fail(str(error))
            if fields is None:
                place.fail(f"this kernel has no tracepoint {hook.subsystem}/{hook.event}")
            arguments = tuple(
                self._field(model, fields, place / "args" / at)
                for at, model in enumerate(hook.args)
            )
        btf_id = self.facts.btf.find(f"btf_trace_{hook.event}", Kind.TYPEDEF) or 0
        formatted = kind is ProgramKind.FORMATTED_TRACEPOINT
        return ResolvedHook(
            number=number,
            path=place.path,
            section=section,
            kind=kind,
            targets=(f"{hook.subsystem}/{hook.event}" if formatted else hook.event,),
            btf_id=0 if formatted else btf_id,
            name=f"{hook.subsystem}/{hook.event}",
            arguments=arguments,
            data_from=len(hook.args),
            selectors=self._selectors(hook, place),
            message=message_text(hook.message, place / "message"),
            tags=tag_texts(hook.tags, place / "tags"),
        )

    def _syscall_id(self, model: models.Argument, raw: str, place: Place) -> Argument:
        name = "int64" if model.type == "auto" else model.type
        type_ = TYPES.get(name)
        if type_ is None or type_.family is not Family.NUMBER:
            (place / "type").fail(f"{model.type} is not for the number of a system call")
        if name == "syscall64":
            raw = f"syscall_id({raw})"
        return Argument(type_, model.index, model.label, raw)

    def _field(self, model: models.Argument, fields: list[FormatField], place: Place) -> Argument:
        if model.index >= len(fields):
            (place / "index").fail(
                f"{model.index}: the tracepoint's format has {len(fields)} fields"
            )
        field = fields[model.index]
        if model.resolve:
            (place / "resolve").fail("is not for fields of a format: use raw: true")
        name = _field_type(field) if model.type == "auto" else model.type
        if field.declaration.startswith("__data_loc") and name == "string":
            name = "data_loc"
        type_ = TYPES.get(name or "")
        if type_ is None:
            (place / "type").fail(f"cannot be told from {field.declaration!r}: give one")
        address = f"((u64)ctx + {field.offset})"
        size = ""
        if name == "data_loc":
            raw = f"((u64)ctx + (LOAD(32, ctx, {field.offset}) & 0xffff))"
        elif field.size in {1, 2, 4, 8} and "[" not in field.declaration:
            raw = f"LOAD({8 * field.size}, ctx, {field.offset})"
            if name == "syscall64":
                raw = f"syscall_id({raw})"
        elif type_.family is Family.NUMBER and not type_.pointer:
            raw = f"read_word({address}, {type_.bits // 8})"
        else:
            raw = address
        if type_.family is Family.BUFFER:
            if model.size_arg_index:
                if model.size_arg_index > len(fields):
                    (place / "sizeArgIndex").fail(f"{model.size_arg_index}: no such field")
                sized = fields[model.size_arg_index - 1]
                size = f"LOAD({8 * sized.size}, ctx, {sized.offset})"
            else:
                size = str(field.size)
        return Argument(type_, model.index, model.label, raw, size)

    # LSM hooks and uprobes

    def _lsm(self, hook: LsmHook, number: int, section: str, place: Place) -> ResolvedHook:
        function = f"bpf_lsm_{hook.hook}"
        function_id = self.facts.btf.find(function, Kind.FUNC)
        if function_id is None:
            (place / "hook").fail(f"this kernel has no LSM hook {hook.hook}, or no BPF LSM")
        kind = self._needs(place, ProgramKind.LSM)
        types = [p.type_id for p in self.facts.btf.parameters(function_id)]
        call = Call(self.facts.btf, self.facts.machine, kind, function, len(types))
        for at, selector in enumerate(hook.selectors):
            if selector.match_return_args:
                (place / "selectors" / at / "matchReturnArgs").fail("is not for lsmhooks")
            for which, action in enumerate(selector.match_actions):
                where = place / "selectors" / at / "matchActions" / which
                if action.kernel_stack_trace or action.user_stack_trace:
                    where.fail("stack traces are not for lsmhooks")
                if action.action == "Override" and action.arg_error > 0:
                    (where / "argError").fail("LSM hooks return 0 or a negative errno")
                if action.ima_hash:
                    (where / "imaHash").fail("not supported by this version")
        return ResolvedHook(
            number=number,
            path=place.path,
            section=section,
            kind=kind,
            targets=(hook.hook,),
            btf_id=function_id,
            name=hook.hook,
            arguments=self._arguments(hook.args, (), call, types, place),
            data_from=len(hook.args),
            selectors=self._selectors(hook, place),
            message=message_text(hook.message, place / "message"),
            tags=tag_texts(hook.tags, place / "tags"),
        )

    def _uprobe(self, hook: Uprobe, number: int, section: str, place: Place) -> list[ResolvedHook]:
        kind = self._needs(place, ProgramKind.UPROBE)
        if hook.addrs:
            (place / "addrs").fail("not supported by this version: use symbols or offsets")
        if hook.binary_digests:
            (place / "binaryDigests").fail("not supported by this version")
        places = hook.symbols or hook.offsets
        if not places:
            place.fail("symbols or offsets are needed")
        counters = hook.ref_ctr_offsets
        if counters and len(counters) != len(places):
            (place / "refCtrOffsets").fail(f"must be as many as there are places: {len(places)}")
        call = Call(self.facts.btf, self.facts.machine, kind)
        returned = return_kind = None
        if hook.return_ and hook.return_arg is not None:
            return_kind = self._needs(place / "return", ProgramKind.URETPROBE)
            exit_call = Call(self.facts.btf, self.facts.machine, return_kind)
            returned = self._returned(hook.return_arg, exit_call, place / "returnArg")
        return [
            ResolvedHook(
                number=number + at,
                path=place.path,
                section=section,
                kind=kind,
                targets=(str(where) if hook.symbols else "",),
                btf_id=0,
                name=hook.path,
                arguments=self._arguments(hook.args, hook.data, call, [], place),
                data_from=len(hook.args),
                selectors=self._selectors(hook, place),
                message=message_text(hook.message, place / "message"),
                tags=tag_texts(hook.tags, place / "tags"),
                returned=returned,
                return_kind=return_kind,
                offset=0 if hook.symbols else hook.offsets[at],
                reference_counter=counters[at] if counters else 0,
            )
            for at, where in enumerate(places)
        ]


def inferred_type(btf: Btf, type_id: int) -> str | None:
    """Return the contract's type for a type of the kernel, None if there is none."""
    resolved = btf.resolve(type_id)
    kind = btf.kind(resolved)
    if kind is Kind.INT:
        return _NUMBERS.get((btf.size(resolved), btf.int_encoding(resolved)[1]))
    if kind in {Kind.ENUM, Kind.ENUM64}:
        return _NUMBERS.get((btf.size(resolved), False))
    if kind is Kind.ARRAY:
        element = btf.resolve(btf.array(resolved)[0])
        return "string" if btf.kind(element) is Kind.INT and btf.size(element) == 1 else None
    if kind is not Kind.PTR:
        return _POINTERS.get(btf.type(resolved).name) if kind in COMPOSITES else None
    target = btf.resolve(btf.type(resolved).size_or_type)
    if btf.kind(target) in COMPOSITES:
        return _POINTERS.get(btf.type(target).name)
    if btf.kind(target) is Kind.INT and btf.type(target).name == "char":
        return "string"
    return None


def _field_type(field: FormatField) -> str | None:
    words = field.declaration
    if words.startswith("__data_loc"):
        return "data_loc" if "char" in words else None
    if "char" in words and ("*" in words or "[" in words):
        return "string"
    if "[" in words:
        return None
    return _NUMBERS.get((field.size, field.signed))
