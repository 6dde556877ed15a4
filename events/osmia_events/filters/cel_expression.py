"""`cel_expression`: by an expression of the Common Expression Language over the event."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from osmia_events.filters.condition import EventCondition
    from osmia_events.model import EventBody

_log = logging.getLogger(__name__)


def cel_expression(expressions: Sequence[str]) -> EventCondition:
    """Match events for which any expression that mentions their type is true.

    An expression that fails on an event ends the list: no match, as upstream. So an expression
    that mentions no type of event never matches.
    """
    from osmia_events.cel import (  # noqa: PLC0415 - a large library, loaded only if it is used
        CelEvaluationError,
        activation,
        compile_expression,
    )

    programs = tuple(map(compile_expression, expressions))

    def holds(body: EventBody | None) -> bool:
        if body is None:
            return False
        concerned = [each for each in programs if body.event_name in each.variables]
        if not concerned:
            return False
        values = activation(body)
        try:
            return any(program.evaluate(values) for program in concerned)
        except CelEvaluationError as error:
            _log.warning("%s", error)
            return False

    return holds
