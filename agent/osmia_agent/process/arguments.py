"""Arguments and environment of a process, from the bytes that the kernel passed to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia_agent.process.text import text
from osmia_events.model import EnvVar

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

_INVALID_NAME = "invalid"


def without_program_name(raw: bytes) -> bytes:
    """Return an argument area, each argument with its closing NUL, without argv[0]."""
    return raw[raw.find(b"\0") + 1 :] if b"\0" in raw else b""


def joined(raw: bytes, *, cwd_follows: bool) -> str:
    r"""Return the contract's `arguments` of argv[1..], each with its closing NUL.

    Arguments are joined by one space. One that contains a space stands in double quotes, with
    nothing escaped, and brings a space of its own when it is the first to be shown. An empty one
    leaves nothing but the space before it, and not even that at the start. Upstream keeps the
    working directory behind the arguments in one buffer and cuts NULs off the buffer's end, so
    empty arguments at the end leave their spaces only if the directory follows (`cwd_follows`).
    """
    raw = raw.removesuffix(b"\0") if cwd_follows else raw.rstrip(b"\0")
    raw = raw.lstrip(b"\0")
    if b" " not in raw:
        return text(raw.replace(b"\0", b" "))
    arguments = text(raw).split("\0")
    line = " ".join([f'"{each}"' if " " in each else each for each in arguments])
    return " " + line if " " in arguments[0] else line


def environment(raw: bytes, only: AbstractSet[str] | None) -> tuple[EnvVar, ...]:
    """Return the variables of an environment area, those named in `only` if it is given.

    A string without `=` is shown under the key `invalid`, as the contract says; it has no name,
    so `only` drops it.
    """
    variables = []
    raw = raw.rstrip(b"\0")
    for each in text(raw).split("\0") if raw else ():
        name, assigned, value = each.partition("=")
        if not assigned:
            if only is None:
                variables.append(EnvVar(_INVALID_NAME, each))
        elif only is None or name in only:
            variables.append(EnvVar(name, value))
    return tuple(variables)
