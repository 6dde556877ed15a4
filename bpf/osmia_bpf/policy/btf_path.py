"""Dotted paths into kernel structs (`mm.owner.comm`, `[0].name`) as C that reads along them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from osmia_bpf.btf import COMPOSITES, Kind
from osmia_bpf.policy.problems import shown

if TYPE_CHECKING:
    from osmia_bpf.btf import Btf
    from osmia_bpf.policy.problems import Place

MAX_DEPTH = 10

_MAX_INDEX_DIGITS = 9

_PART = re.compile(r"([A-Za-z_]\w*)|\[(\d+)\]")


class Location(NamedTuple):
    """Where a value is: C for its address, its type, and its bits if it is a bit-field."""

    address: str
    type_id: int
    bit_offset: int = 0
    bit_size: int = 0


def locate(btf: Btf, type_id: int, pointer: str, path: str, place: Place) -> Location:
    """Return where `path` leads from a pointer (C) of the type `type_id`.

    Raises `HookError` where there is no such member.
    """
    parts = _parts(path, place)
    target = btf.resolve(type_id)
    if btf.kind(target) is Kind.PTR:
        target = btf.resolve(btf.type(target).size_or_type)
    at = Location(pointer, target)
    behind_pointer = True
    for number, part in enumerate(parts):
        if number and btf.kind(btf.resolve(at.type_id)) is Kind.PTR:
            inner = btf.resolve(btf.type(btf.resolve(at.type_id)).size_or_type)
            at = Location(f"read_word({at.address}, 8)", inner)
            behind_pointer = True
        if isinstance(part, str):
            at = _member(btf, at, part, place)
        else:
            if not behind_pointer:
                _check_element(btf, at, part, place)
            at = _element(btf, at, part)
        behind_pointer = False
    return at


def value(btf: Btf, at: Location, *, pointer: bool, place: Place) -> str:
    """Return C for what is there: the value of a number or pointer, else its address."""
    resolved = btf.resolve(at.type_id)
    kind = btf.kind(resolved)
    if at.bit_size:
        size = (at.bit_offset + at.bit_size + 7) // 8
        mask = (1 << at.bit_size) - 1
        return f"((read_word({at.address}, {size}) >> {at.bit_offset}) & {mask:#x}ULL)"
    if kind in COMPOSITES or kind is Kind.ARRAY:
        if not pointer:
            if btf.size(resolved) > 8 or kind is Kind.ARRAY:
                place.fail("leads to a struct or array, not to a number")
            return f"read_word({at.address}, {btf.size(resolved)})"
        return at.address
    size = btf.size(resolved)
    if not 1 <= size <= 8:
        place.fail("leads to something that has no size")
    return f"read_word({at.address}, {size})"


def _parts(path: str, place: Place) -> list[str | int]:
    parts: list[str | int] = []
    for word in path.split("."):
        at = 0
        for match in _PART.finditer(word):
            if match.start() != at:
                break
            at = match.end()
            if match[2] and len(match[2]) > _MAX_INDEX_DIGITS:
                place.fail(f"{shown(path)}: no array has an element of such a number")
            parts.append(match[1] or int(match[2]))
        if at != len(word) or not word:
            place.fail(f"{shown(path)} is not a path such as mm.owner.comm or [0].name")
    if len(parts) > MAX_DEPTH:
        place.fail(f"{shown(path)} is more than {MAX_DEPTH} steps long")
    return parts


def _member(btf: Btf, at: Location, name: str, place: Place) -> Location:
    struct = btf.resolve(at.type_id)
    if btf.kind(struct) not in COMPOSITES:
        place.fail(f"{shown(name)}: there is no struct to look for it in")
    member = btf.field(struct, name)
    if member is None:
        place.fail(f"struct {btf.type(struct).name or '(anonymous)'} has no member {shown(name)}")
    offset, bit = divmod(member.bit_offset, 8)
    address = f"({at.address} + {offset})" if offset else at.address
    return Location(address, member.type_id, bit, member.bit_size)


def _check_element(btf: Btf, at: Location, index: int, place: Place) -> None:
    """Fail for an element that an array does not have; how many are behind a pointer is unknown."""
    resolved = btf.resolve(at.type_id)
    if btf.kind(resolved) is not Kind.ARRAY:
        place.fail(f"[{index}]: there is no array to look for it in")
    length = btf.array(resolved)[1]
    if length and index >= length:  # 0 stands for an array that ends where its struct's memory does
        place.fail(f"[{index}]: the array has {length} elements, from [0] on")


def _element(btf: Btf, at: Location, index: int) -> Location:
    resolved = btf.resolve(at.type_id)
    element = btf.array(resolved)[0] if btf.kind(resolved) is Kind.ARRAY else resolved
    return Location(f"({at.address} + {index * btf.size(element)})", element)
