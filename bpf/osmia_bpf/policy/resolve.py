"""The pass that looks up a policy's names: functions, tracepoints, types of arguments."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from osmia_api.tracing_policy.hooks import Kprobe, LsmHook, Tracepoint, Uprobe
from osmia_bpf.btf import Kind
from osmia_bpf.policy import ima_source, lists, syscalls
from osmia_bpf.policy.hook import ResolvedHook
from osmia_bpf.policy.macros import expanded
from osmia_bpf.policy.overrides import check_errors, is_overridden
from osmia_bpf.policy.problems import HookError, shown
from osmia_bpf.policy.registers import Call
from osmia_bpf.policy.resolve_arguments import ArgumentResolver
from osmia_bpf.policy.types import Family
from osmia_bpf.policy.validate import (
    check_digest,
    check_path,
    check_symbol,
    message_text,
    tag_texts,
)
from osmia_bpf.programs import ProgramKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from osmia_api.tracing_policy import TracingPolicySpec
    from osmia_api.tracing_policy.hooks import Hook
    from osmia_api.tracing_policy.selectors import Selector
    from osmia_bpf.policy.facts import KernelFacts
    from osmia_bpf.policy.hook import Argument
    from osmia_bpf.policy.problems import Place

_RAW_SYSCALL_ID = 4
_SYMBOL = re.compile(r"[\w.$]+", re.ASCII)


class CallNotFoundError(HookError):
    """The function is missing, and the policy says to leave the hook out then."""


@dataclass(frozen=True)
class Resolver:
    """Resolves the hooks of one policy."""

    facts: KernelFacts
    spec: TracingPolicySpec
    lists: Mapping[str, tuple[str, ...]]
    prefer_override_return: bool = False

    @property
    def arguments(self) -> ArgumentResolver:
        """Resolves arguments for the same kernel."""
        return ArgumentResolver(self.facts)

    def hooks(self, hook: Hook, number: int, section: str, place: Place) -> list[ResolvedHook]:
        """Return what one hook of a policy comes to.

        It is several if it is at places of a binary, or overrides what functions of a list return.
        `number` is that of the first. Raises `HookError` for what this kernel cannot do.
        """
        if isinstance(hook, Kprobe):
            targets, missing = self._targets(hook, place)
            # What is returned is each function's own: they cannot share a program then.
            groups = [(each,) for each in targets] if is_overridden(hook) else [targets]
            found = [
                self._function(hook, group, number + at, section, place)
                for at, group in enumerate(groups)
            ]
            return [dataclasses.replace(found[0], missing=missing), *found[1:]]
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

    def _function(
        self, hook: Kprobe, targets: tuple[str, ...], number: int, section: str, place: Place
    ) -> ResolvedHook:
        symbol = targets[0]
        function_id = self.facts.btf.find(symbol, Kind.FUNC)
        overrides = is_overridden(hook)
        kind = self._kind(section, targets, function_id, place, overrides=overrides)
        if kind is ProgramKind.MODIFY_RETURN:
            check_errors(hook, place)
        if any(value.source == "pt_regs" for value in hook.data):
            kind = self._with_registers(kind, place)
        parameters = (
            [p.type_id for p in self.facts.btf.parameters(function_id)] if function_id else []
        )
        call = Call(self.facts.btf, self.facts.machine, kind, symbol, len(parameters) or 6)
        types = [] if syscalls.is_wrapper(symbol) else parameters
        arguments = self.arguments.of_call(hook.args, hook.data, call, types, place)
        returned = return_kind = None
        frames = ("0", "0")
        if hook.return_ and hook.return_arg is not None:
            return_kind = (
                self._needs(place / "return", ProgramKind.KRETPROBE)
                if kind in {ProgramKind.KPROBE, ProgramKind.KPROBE_MULTI}
                else self._needs(place / "return", ProgramKind.FEXIT)
            )
            exit_call = Call(
                self.facts.btf, self.facts.machine, return_kind, symbol, call.parameters
            )
            returned = self.arguments.returned(hook.return_arg, exit_call, place / "returnArg")
            # Of many functions at once the kernel does not always tell the stack.
            if kind is not ProgramKind.KPROBE_MULTI:
                frames = call.frame(), exit_call.frame()
        _check_late(arguments, returned, place)
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
            frames=frames,
        )

    def _targets(self, hook: Kprobe, place: Place) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the functions that a hook names: those that the kernel has, and those it has not.

        Raises `HookError` if it has none, and `CallNotFoundError` if that is to be overlooked.
        """
        failure = HookError
        if hook.ignore is not None and hook.ignore.call_not_found:
            failure = CallNotFoundError
        where = place / "call"
        name = hook.call.removeprefix(lists.PREFIX)
        if name == hook.call:
            if not _SYMBOL.fullmatch(name):
                where.fail(f"{shown(name)} is not the name of a function")
            symbol = syscalls.function(name, self.facts.machine) if hook.syscall else name
            if not self.facts.has_function(symbol):
                message = f"this kernel has no function {symbol}"
                if symbol != name and self.facts.has_function(name):
                    message += f"; {name} is no system call: give syscall: false"
                elif self.facts.has_function(syscalls.function(f"sys_{name}", self.facts.machine)):
                    message += f"; the system call is named sys_{name}"
                raise failure(where.path, message)
            return (symbol,), ()
        spec = next((each for each in self.spec.lists if each.name == name), None)
        if spec is None:
            known = ", ".join(each.name for each in self.spec.lists) or "none"
            where.fail(f"there is no list {shown(name)} in spec.lists; known are {known}")
        if name not in self.lists:
            where.fail(f"the list {shown(name)} cannot be used")
        functions = lists.functions(spec, self.lists[name], self.facts.machine)
        found: dict[bool, list[str]] = {True: [], False: []}
        for each in dict.fromkeys(functions):
            found[self.facts.has_function(each)].append(each)
        if not found[True]:
            message = f"this kernel has none of the functions of list {shown(name)}"
            raise failure(where.path, message)
        return tuple(found[True]), tuple(found[False])

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
            return self._needs(place, ProgramKind.KPROBE_MULTI, ProgramKind.KPROBE)
        if section == "fentries":
            if not function_id:
                place.fail(f"the kernel's type information has no function {targets[0]}")
            return self._needs(place, ProgramKind.FENTRY)
        if overrides:
            return self._overriding_kind(targets[0], function_id, place)
        if function_id and not self._has_forward(function_id):
            return self._needs(place, ProgramKind.FENTRY, ProgramKind.KPROBE)
        return self._needs(place, ProgramKind.KPROBE)

    def _with_registers(self, kind: ProgramKind, place: Place) -> ProgramKind:
        """Return the kind for a hook that is to read registers, which trampolines do not hand on.

        `kind` is that which the hook would have otherwise.
        """
        where = place / "data"
        if place.path[1] == "fentries":
            where.fail("pt_regs is for kprobes and uprobes: fentries have no registers")
        if kind is ProgramKind.MODIFY_RETURN:
            where.fail("pt_regs does not go with Override of this function")
        return self._needs(place, ProgramKind.KPROBE) if kind is ProgramKind.FENTRY else kind

    def _has_forward(self, function_id: int) -> bool:
        """Tell whether some parameter points to a struct that is only named there.

        The verifier lets no fentry program read such a one (`sys_bpf` in Linux 5.10).
        """
        btf = self.facts.btf
        for parameter in btf.parameters(function_id):
            pointer = btf.resolve(parameter.type_id)
            if btf.kind(pointer) is Kind.PTR:
                target = btf.resolve(btf.type(pointer).size_or_type)
                if btf.kind(target) is Kind.FWD:
                    return True
        return False

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
            arguments = self.arguments.of_call(hook.args, (), call, types, place)
            _check_late(arguments, None, place)
        elif syscall_only and by_btf:
            # The same call without the copy of its arguments that a format needs.
            kind = ProgramKind.TRACEPOINT
            arguments = tuple(
                self.arguments.syscall_id(model, "LOAD(64, ctx, 8)", place / "args" / at)
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
                self.arguments.field(model, fields, place / "args" / at)
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

    # LSM hooks and uprobes

    def _check_ima(self, hook: str, place: Place) -> None:
        if hook not in ima_source.HOOKS:
            place.fail(f"{hook} has no file to hash: is for {', '.join(ima_source.HOOKS)}")
        if self.facts.btf.enumerator("bpf_func_id", "BPF_FUNC_ima_file_hash") is None:
            place.fail("this kernel does not hash files for BPF programs; Linux 5.18 and later do")

    def _lsm(self, hook: LsmHook, number: int, section: str, place: Place) -> ResolvedHook:
        function = f"bpf_lsm_{hook.hook}"
        function_id = self.facts.btf.find(function, Kind.FUNC)
        if function_id is None:
            where = place / "hook"
            if not _SYMBOL.fullmatch(hook.hook):
                where.fail(f"{shown(hook.hook)} is not the name of an LSM hook")
            if hook.hook.startswith("security_"):
                where.fail(f"{hook.hook}: LSM hooks are named without security_")
            where.fail(f"this kernel has no LSM hook {hook.hook}, or no BPF LSM")
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
                    self._check_ima(hook.hook, where / "imaHash")
        arguments = self.arguments.of_call(hook.args, (), call, types, place)
        _check_late(arguments, None, place)
        return ResolvedHook(
            number=number,
            path=place.path,
            section=section,
            kind=kind,
            targets=(hook.hook,),
            btf_id=function_id,
            name=hook.hook,
            arguments=arguments,
            data_from=len(hook.args),
            selectors=self._selectors(hook, place),
            message=message_text(hook.message, place / "message"),
            tags=tag_texts(hook.tags, place / "tags"),
        )

    def _uprobe(self, hook: Uprobe, number: int, section: str, place: Place) -> list[ResolvedHook]:
        kind = self._needs(place, ProgramKind.UPROBE)
        places = hook.symbols or hook.addrs or hook.offsets
        if not places:
            place.fail("symbols, addrs or offsets are needed")
        check_path(hook.path, place / "path")
        for at, name in enumerate(hook.symbols):
            check_symbol(name, place / "symbols" / at)
        for at, digest in enumerate(hook.binary_digests):
            check_digest(digest, place / "binaryDigests" / at)
        if hook.btf_path and any(argument.resolve for argument in hook.args):
            (place / "btfPath").fail(
                "not supported by this version: resolve looks into the kernel's types"
            )
        counters = hook.ref_ctr_offsets
        if counters and len(counters) != len(places):
            (place / "refCtrOffsets").fail(f"must be as many as there are places: {len(places)}")
        call = Call(self.facts.btf, self.facts.machine, kind)
        returned = return_kind = None
        frames = ("0", "0")
        if hook.return_ and hook.return_arg is not None:
            return_kind = self._needs(place / "return", ProgramKind.URETPROBE)
            exit_call = Call(self.facts.btf, self.facts.machine, return_kind)
            returned = self.arguments.returned(hook.return_arg, exit_call, place / "returnArg")
            frames = call.frame(), exit_call.frame()
        arguments = self.arguments.of_call(hook.args, hook.data, call, [], place)
        _check_late(arguments, returned, place)
        return [
            ResolvedHook(
                number=number + at,
                path=place.path,
                section=section,
                kind=kind,
                targets=(str(where) if hook.symbols else "",),
                btf_id=0,
                name=hook.path,
                arguments=arguments,
                data_from=len(hook.args),
                selectors=self._selectors(hook, place),
                message=message_text(hook.message, place / "message"),
                tags=tag_texts(hook.tags, place / "tags"),
                returned=returned,
                return_kind=return_kind,
                frames=frames,
                address=hook.addrs[at] if hook.addrs else 0,
                offset=hook.offsets[at] if hook.offsets else 0,
                digests=hook.binary_digests,
                any_digest=hook.ignore is not None and hook.ignore.digest_verification_failure,
                reference_counter=counters[at] if counters else 0,
            )
            for at, where in enumerate(places)
        ]


def _check_late(arguments: tuple[Argument, ...], returned: Argument | None, place: Place) -> None:
    """Raise `HookError` for what is to be read at a return, and cannot be."""
    for at, argument in enumerate(arguments):
        if not argument.at_return:
            continue
        where = place / "args" / at
        if returned is None:
            (where / "returnCopy").fail("the hook needs return: true and returnArg")
        type_ = argument.type
        sized = argument.size or type_.family is not Family.BUFFER or not type_.sized_in_bytes
        if not sized and returned.type.family is not Family.NUMBER:
            (where / "sizeArgIndex").fail(
                f"needed for {type_.name}: what the function returns is no number of bytes"
            )
