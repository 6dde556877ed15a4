"""Looking for the places of uprobes, as the agent does when it attaches them.

No pass of the compiler: programs do not depend on files, which come and go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia_bpf.binary.digests import has_one_of
from osmia_bpf.binary.place import PlaceError, UserPlace, code_offset, in_root
from osmia_bpf.policy.problems import HookError, Place

if TYPE_CHECKING:
    from pathlib import Path

    from osmia_api.tracing_policy.hooks import Uprobe
    from osmia_bpf.policy.hook import ResolvedHook


def look_up(hook: ResolvedHook, model: Uprobe, at: int, root: Path) -> None:
    """Raise `HookError` if a uprobe could not be attached to its `at`th place."""
    path = in_root(root, hook.name)
    place = UserPlace(path, hook.targets[0], hook.address, hook.offset)
    here = Place(hook.path)
    if not path.is_file():
        (here / "path").fail(f"there is no file {path}")
    if hook.digests and not hook.any_digest:
        where = here / "binaryDigests"
        try:
            found = has_one_of(path, hook.digests)
        except OSError as error:
            where.fail(f"{path}: {error.strerror}")
        if not found:
            where.fail(f"{path} has none of the digests {', '.join(hook.digests)}")
    kind = "symbols" if model.symbols else "addrs" if model.addrs else "offsets"
    try:
        code_offset(place)
    except PlaceError as error:
        raise HookError((*hook.path, kind, at), str(error)) from None
