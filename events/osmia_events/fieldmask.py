"""Field masks: keeping or dropping parts of a message by path.

Paths lead through the contract's messages as its Go structs do: a oneof is a step of its own
(`args.arg.sock_arg.saddr`), a wrapper has a `value`, a time has `seconds` and `nanos`. A path
below a text, a number, a list of those or a map counts as if it ended there when fields are kept,
and has no effect when fields are dropped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from msgspec import structs

from osmia_events.memo import new_key, remember
from osmia_events.model import (
    ARGUMENT_KINDS,
    Kind,
    KprobeArgument,
    Message,
    Process,
    WireField,
    wire_fields,
)

Mask = Callable[[Any], Any]
"""Turns a value into its masked copy; the value itself is left as it is."""
Tree = dict[str, "Tree"]
"""Field names by what is named below them; nothing below means the whole field."""

_SECOND_NS = 1_000_000_000
_UPPER = re.compile("[A-Z]")
_UNDERSCORES = re.compile("_+")
_ZEROS = {Kind.STRING: "", Kind.BYTES: b"", Kind.BOOL: False}


def path_tree(paths: Iterable[str]) -> Tree:
    """Join paths to a tree; where one path ends inside another, the longer one counts."""
    tree: Tree = {}
    for path in paths:
        node = tree
        for name in path.split("."):
            node = node.setdefault(canonical_name(name), {})
    return tree


def canonical_name(name: str) -> str:
    """Return a field's name in snake case, whether given as `execId`, `ExecId` or `exec_id`."""
    snake = _UPPER.sub(lambda upper: "_" + upper[0], name).lower()
    return _UNDERSCORES.sub("_", snake).strip("_")


class MaskCompiler:
    """Compiles trees to masks that keep what the tree names, or that drop it."""

    def __init__(self, *, keep: bool) -> None:
        self._keep = keep
        self._process_masks: dict[str, Mask] = {}

    def message_mask(self, message: type[Message], tree: Tree) -> Mask:
        """Compile a mask for messages of a class."""
        if message is KprobeArgument:
            return self._argument_mask(tree)
        blank = message()
        dropped: dict[str, Any] = {}
        masked: dict[str, Mask] = {}
        values: list[str] = []
        for field in wire_fields(message):
            below = tree.get(canonical_name(field.name))
            if below:
                masked[field.attribute] = self._value_mask(field, below)
                values.append(f"{field.attribute}={_masked_field(field)}")
            elif (below is not None) != self._keep:
                dropped[field.attribute] = getattr(blank, field.attribute)
        if "memo" in message.besides_fields:
            dropped["memo"] = None

        # Compiled to one call with the fields as keywords: with a map of changes it takes three
        # times as long, and it runs for each event.
        values += [f"{name}=blank_{name}" for name in dropped]
        mask: Mask = eval(  # noqa: S307  # an expression made of the names of fields alone
            f"lambda value: replace(value, {', '.join(values)})",
            {
                "replace": structs.replace,
                **{f"mask_{name}": inner for name, inner in masked.items()},
                **{f"blank_{name}": zero for name, zero in dropped.items()},
            },
        )
        return mask

    def _value_mask(self, field: WireField, tree: Tree) -> Mask:
        if field.kind is Kind.MESSAGE:
            if field.type is Process:
                return self._process_mask(tree)
            return self.message_mask(field.type, tree)
        if field.kind is Kind.TIMESTAMP:
            return self._time_mask(tree)
        if field.optional and not self._keeps_scalar(tree, "value"):
            zero = _ZEROS.get(field.kind, 0)
            return lambda _value: zero
        return _as_it_is

    def _keeps_scalar(self, tree: Tree, name: str) -> bool:
        """Say whether a scalar survives; a path that goes on below it drops nothing."""
        below = tree.get(name)
        return below is not None if self._keep else below is None or bool(below)

    def _time_mask(self, tree: Tree) -> Mask:
        keeps_seconds = self._keeps_scalar(tree, "seconds")
        keeps_nanos = self._keeps_scalar(tree, "nanos")

        def mask(time: int) -> int:
            nanos = time % _SECOND_NS
            return (time - nanos if keeps_seconds else 0) + (nanos if keeps_nanos else 0)

        return mask

    def _process_mask(self, tree: Tree) -> Mask:
        """Compile a mask whose results are remembered in the processes, once per tree."""
        name = repr(tree)
        if name not in self._process_masks:
            self._process_masks[name] = _remembered(self.message_mask(Process, tree))
        return self._process_masks[name]

    def _argument_mask(self, tree: Tree) -> Mask:
        """Compile a mask for the arguments of hooks, whose value is the oneof `arg`."""
        keeps_label = self._keeps_scalar(tree, "label")
        below = tree.get("arg")
        if not below:
            keeps_value = (below is not None) == self._keep

            def mask_whole(argument: KprobeArgument) -> KprobeArgument:
                label = argument.label if keeps_label else ""
                if keeps_value:
                    return KprobeArgument(argument.kind, argument.value, label)
                return KprobeArgument(label=label)

            return mask_whole
        masks = {kind: self._member_mask(kind, below) for kind in ARGUMENT_KINDS}

        def mask(argument: KprobeArgument) -> KprobeArgument:
            kind = argument.kind
            value = masks[kind](argument.value) if kind else None
            return KprobeArgument(kind, value, argument.label if keeps_label else "")

        return mask

    def _member_mask(self, kind: str, tree: Tree) -> Mask:
        """Compile a mask for one member of the oneof: what is set stays set, though emptied."""
        field = ARGUMENT_KINDS[kind]
        below = tree.get(kind)
        if below:
            return self._value_mask(field, below)
        if (below is not None) == self._keep:
            return _as_it_is
        if field.kind is Kind.MESSAGE:
            empty: Mask = lambda _value: field.type()  # noqa: E731 - as the line below
            return empty
        zero = _ZEROS.get(field.kind, 0)
        return lambda _value: zero


def _masked_field(field: WireField) -> str:
    """Return the expression for a field whose inner parts are named."""
    value, mask = f"value.{field.attribute}", f"mask_{field.attribute}"
    if field.repeated:
        return f"tuple(map({mask}, {value}))"
    if field.optional:
        return f"None if (inner := {value}) is None else {mask}(inner)"
    return f"{mask}({value})"


def _remembered(mask: Mask) -> Mask:
    """Return a mask of processes that masks each once."""

    def remembered(process: Process) -> Process:
        memo = process.memo
        known: Process | None = None if memo is None else memo.get(key)
        if known is None:
            known = mask(process)
            remember(process, key, known)
        return known

    key = new_key(remembered)
    return remembered


def _as_it_is(value: Any) -> Any:
    return value
