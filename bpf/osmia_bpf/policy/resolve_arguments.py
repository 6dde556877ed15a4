"""Arguments of hooks, resolved: where they are, and what they are read as."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from osmia_bpf.btf import COMPOSITES, Btf, Kind
from osmia_bpf.policy import btf_path
from osmia_bpf.policy.hook import Argument
from osmia_bpf.policy.problems import shown
from osmia_bpf.policy.types import TYPES, Family

if TYPE_CHECKING:
    from osmia_api.tracing_policy import arguments as models
    from osmia_bpf.policy.facts import FormatField, KernelFacts
    from osmia_bpf.policy.problems import Place
    from osmia_bpf.policy.registers import Call
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
    "iov_iter": "iov_iter",
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


_WORD = 8
_NARROW = {"int": "int32", "unsigned int": "uint32"}
_ARRAYS = {1: "const_buf", _WORD: "words"}
"""By the bytes of an element."""
_ARRAY = re.compile(r"\[(\d+)\]$")
_COMMON_BYTES = 8
"""With what each format begins; the kernel lets no program read that."""
_MODULE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class ArgumentResolver:
    """Resolves arguments for one kernel. Methods raise `HookError` for what it cannot read."""

    facts: KernelFacts

    def returned(self, model: models.Argument, call: Call, place: Place) -> Argument:
        """Return what a function returns."""
        _check_plain(model, place)
        type_ = self._type(model, None, place)
        if type_.family in {Family.NOTHING, Family.BUFFER}:
            (place / "type").fail(f"{type_.name} is not for returned values")
        return Argument(type_, model.index, model.label, call.returned())

    def of_call(
        self,
        args: tuple[models.Argument, ...],
        data: tuple[models.Argument, ...],
        call: Call,
        types: list[int],
        place: Place,
    ) -> tuple[Argument, ...]:
        """Return a hook's args and data; `types` are the parameters' types, if they are known."""
        found = [
            self._argument(model, call, types, place / "args" / at) for at, model in enumerate(args)
        ]
        found += [self._data(model, call, place / "data" / at) for at, model in enumerate(data)]
        return tuple(found)

    def _argument(
        self, model: models.Argument, call: Call, types: list[int], place: Place
    ) -> Argument:
        _check_plain(model, place)
        if types and model.index >= len(types):
            what = call.symbol or "the tracepoint"
            (place / "index").fail(f"{model.index}: {what} has {len(types)} arguments, from 0 on")
        try:
            raw = call.argument(model.index)
        except IndexError:
            (place / "index").fail(f"{model.index}: functions have at most 6 arguments here")
        declared = types[model.index] if types else None
        if model.resolve:
            return self._resolved(model, raw, declared, place)
        type_ = self._type(model, declared, place)
        reckons = type_.family is Family.BUFFER and type_.name != "iov_iter"
        if self._is_pointer(declared) and (reckons or not type_.pointer):
            raw = call.scalar(model.index)
        size = self._size(model, type_, call, types, place)
        return Argument(
            *(type_, model.index, model.label, raw, size),
            at_return=model.return_copy,
            max_data=model.max_data and type_.family is Family.BUFFER,
        )

    def _is_pointer(self, type_id: int | None) -> bool:
        btf = self.facts.btf
        return type_id is not None and btf.kind(btf.resolve(type_id)) is Kind.PTR

    def _size(
        self,
        model: models.Argument,
        type_: ArgumentType,
        call: Call,
        types: list[int],
        place: Place,
    ) -> str:
        if type_.family is not Family.BUFFER or type_.name == "iov_iter":
            return ""
        if not model.size_arg_index:
            if model.return_copy and type_.sized_in_bytes:
                return ""
            (place / "sizeArgIndex").fail(f"needed for {type_.name}: which argument holds its size")
        index = model.size_arg_index - 1
        where = place / "sizeArgIndex"
        if types and index >= len(types):
            where.fail(f"{model.size_arg_index}: there are {len(types)} arguments, from 1 on here")
        try:
            if types and self._is_pointer(types[index]):
                return call.scalar(index)
            return call.argument(index)
        except IndexError:
            where.fail(f"{model.size_arg_index}: there is no such argument")

    def _data(self, model: models.Argument, call: Call, place: Place) -> Argument:
        if model.source == "current_task":
            task = self.facts.btf.require("task_struct", Kind.STRUCT)
            return self._resolved(model, "(u64)task", task, place)
        if model.source == "pt_regs":
            register = call.register(model.resolve)
            if register is None:
                (place / "resolve").fail(
                    f"{shown(model.resolve)} is not a register, such as ip or di"
                )
            return Argument(self._type(model, None, place), model.index, model.label, register)
        raise (place / "source").error(f"{shown(model.source)} is not current_task or pt_regs")

    def _resolved(
        self, model: models.Argument, raw: str, declared: int | None, place: Place
    ) -> Argument:
        btf = self._types_for(model, place)
        if model.btf_type:
            name = model.btf_type.removeprefix("struct ")
            declared = btf.find(name, Kind.STRUCT)
            if declared is None:
                (place / "btfType").fail(f"this kernel has no struct {name}")
        if declared is None:
            (place / "btfType").fail("needed: the argument's own type is not known")
        where = place / "resolve"
        at = btf_path.locate(btf, declared, raw, model.resolve, where)
        type_ = self._type(model, at.type_id, place, btf)
        value = btf_path.value(btf, at, pointer=type_.pointer, place=where)
        return Argument(type_, model.index, model.label, value)

    def _types_for(self, model: models.Argument, place: Place) -> Btf:
        """Return the types among which an argument's path is looked up."""
        name = model.btf_type_module
        if not name:
            return self.facts.btf
        if not _MODULE.fullmatch(name):
            (place / "btfTypeModule").fail(f"{shown(name)} is not the name of a kernel module")
        btf = self.facts.types_of_module(name.replace("-", "_"))
        if btf is None:
            (place / "btfTypeModule").fail(
                f"there are no types of a loaded module {name}; kernels tell them from Linux 5.11"
                " on, with CONFIG_DEBUG_INFO_BTF_MODULES"
            )
        return btf

    def _type(
        self,
        model: models.Argument,
        declared: int | None,
        place: Place,
        btf: Btf | None = None,
    ) -> ArgumentType:
        name: str = model.type
        if name == "auto":
            known = btf or self.facts.btf
            inferred = None if declared is None else inferred_type(known, declared)
            if inferred is None:
                (place / "type").fail("cannot be told from the kernel's types: give one")
            name = inferred
        type_ = TYPES.get(name)
        if type_ is None:
            (place / "type").fail(f"{name} is not supported by this version")
        self._check_known(type_, place)
        return type_

    def _check_known(self, type_: ArgumentType, place: Place) -> None:
        """Raise `HookError` if the kernel has not the structs that values of a type are."""
        for struct in type_.fields:
            if self.facts.btf.find(struct, Kind.STRUCT) is None:
                (place / "type").fail(f"{type_.name}: this kernel has no struct {struct}")

    def syscall_id(self, model: models.Argument, raw: str, place: Place) -> Argument:
        """Return the number of a system call, which `raw` (C) gives."""
        _check_plain(model, place)
        name = "int64" if model.type == "auto" else model.type
        type_ = TYPES.get(name)
        if type_ is None or type_.family is not Family.NUMBER:
            (place / "type").fail(f"{model.type} is not for the number of a system call")
        if name == "syscall64":
            raw = f"syscall_id({raw})"
        return Argument(type_, model.index, model.label, raw)

    def field(self, model: models.Argument, fields: list[FormatField], place: Place) -> Argument:
        """Return a field of a tracepoint's format."""
        _check_plain(model, place)
        if model.index >= len(fields):
            (place / "index").fail(
                f"{model.index}: the tracepoint's format has {len(fields)} fields"
            )
        field = fields[model.index]
        if field.offset < _COMMON_BYTES:
            (place / "index").fail(f"{model.index}: {field.name} is not for programs to read")
        if model.resolve:
            (place / "resolve").fail("is not for fields of a format: use raw: true")
        located = field.declaration.startswith("__data_loc")
        name = _field_type(field) if model.type == "auto" else model.type
        if located and name == "string":
            name = "data_loc"
        type_ = TYPES.get(name or "")
        if type_ is None:
            (place / "type").fail(f"cannot be told from {field.declaration!r}: give one")
        self._check_known(type_, place)
        address = f"((u64)ctx + {field.offset})"
        if located and not type_.pointer:
            raw = f"LOAD(32, ctx, {field.offset})"
        elif located:
            # Where it is and how long: two halves of a word.
            raw = f"((u64)ctx + (LOAD(32, ctx, {field.offset}) & 0xffff))"
        elif field.size in {1, 2, 4, 8} and "[" not in field.declaration:
            raw = f"LOAD({8 * field.size}, ctx, {field.offset})"
            if name == "syscall64":
                raw = f"syscall_id({raw})"
        elif not type_.pointer:
            raw = f"read_word({address}, {type_.bits // 8})"
        else:
            raw = address
        size = ""
        if type_.family is Family.BUFFER or name == "words":
            size = _field_size(model, field, fields, place)
        return Argument(
            *(type_, model.index, model.label, raw, size),
            max_data=model.max_data and type_.family is Family.BUFFER,
        )


def _check_plain(model: models.Argument, place: Place) -> None:
    if model.source:
        (place / "source").fail("is for data only")


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


def _field_size(
    model: models.Argument, field: FormatField, fields: list[FormatField], place: Place
) -> str:
    """Return C for the size of a buffer: what another field says, or what the record holds."""
    if model.size_arg_index:
        if model.size_arg_index > len(fields):
            (place / "sizeArgIndex").fail(f"{model.size_arg_index}: no such field")
        sized = fields[model.size_arg_index - 1]
        if sized.offset < _COMMON_BYTES or sized.size not in {1, 2, 4, 8}:
            (place / "sizeArgIndex").fail(f"{model.size_arg_index}: {sized.name} holds no size")
        return f"LOAD({8 * sized.size}, ctx, {sized.offset})"
    if field.declaration.startswith("__data_loc"):
        return f"(LOAD(32, ctx, {field.offset}) >> 16)"
    if "[" not in field.declaration:
        (place / "sizeArgIndex").fail(f"needed for {model.type}: which field holds its size")
    return str(field.size)


def _field_type(field: FormatField) -> str | None:
    words = field.declaration
    if words.startswith("__data_loc"):
        return "data_loc" if "char" in words else None
    array = _ARRAY.search(words)
    if "char" in words and ("*" in words or array):
        return "string"
    if array:
        return _ARRAYS.get(field.size // max(1, int(array[1])))
    # Of system calls each argument fills a register, whatever its own type.
    narrow = _NARROW.get(words.removesuffix(field.name).strip()) if field.size == _WORD else None
    return narrow or _NUMBERS.get((field.size, field.signed))
