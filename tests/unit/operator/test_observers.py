"""What the operator's own watches tell the controller."""

from __future__ import annotations

import asyncio

from osmia_operator.observers import _Mirror


def test_a_new_list_tells_what_is_gone() -> None:
    async def scenario() -> list[tuple[str, bool]]:
        told: list[tuple[str, bool]] = []
        mirror = _Mirror(
            asyncio.get_running_loop(),
            lambda manifest: str(manifest["name"]),
            lambda key, manifest: told.append((key, manifest is not None)),
        )
        await asyncio.to_thread(mirror.replaced, [{"name": "a"}, {"name": "b"}])
        await asyncio.to_thread(mirror.deleted, {"name": "a"})
        await asyncio.to_thread(mirror.changed, {"name": "c"})
        await asyncio.to_thread(mirror.replaced, [{"name": "c"}])
        await asyncio.sleep(0)
        return told

    assert asyncio.run(scenario()) == [
        ("a", True),
        ("b", True),
        ("a", False),
        ("c", True),
        ("b", False),
        ("c", True),
    ]
