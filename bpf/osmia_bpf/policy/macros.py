"""Selector macros: fields of `spec.selectorsMacros` that selectors take over by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia_bpf.policy.problems import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from osmia_api.tracing_policy.selectors import Selector
    from osmia_bpf.policy.problems import Place

_OWN = frozenset({"label", "macros"})


def expanded(selector: Selector, macros: Mapping[str, Selector], place: Place) -> Selector:
    """Return a selector with the fields of its macros. Raises `HookError` for a clash."""
    if not selector.macros:
        return selector
    taken: dict[str, object] = {}
    for at, name in enumerate(selector.macros):
        where = place / "macros" / at
        macro = macros.get(name)
        if macro is None:
            known = ", ".join(macros) or "none"
            where.fail(
                f"there is no macro {shown(name)} in spec.selectorsMacros; known are {known}"
            )
        if macro.macros:
            where.fail(f"macro {shown(name)} names macros itself, which cannot be")
        for field in macro.model_fields_set - _OWN:
            if field in selector.model_fields_set or field in taken:
                alias = type(macro).model_fields[field].alias or field
                where.fail(f"macro {shown(name)} gives {alias}, which is given already")
            taken[field] = getattr(macro, field)
    return selector.model_copy(update={**taken, "macros": ()})
