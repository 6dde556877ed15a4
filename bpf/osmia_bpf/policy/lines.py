"""The lines of a policy's text where its places are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia_api.problems import Path, Problem
from osmia_api.yaml_document import parse_document

if TYPE_CHECKING:
    from osmia_bpf.policy.problems import HookError
    from osmia_bpf.policy.schema import HookProblem


class Lines:
    """Tells the lines of a policy, given as YAML that can be read.

    Text of a single line, as policies from an API are, has none worth telling.
    """

    def __init__(self, text: str) -> None:
        self._document = parse_document(text) if "\n" in text.strip() else None

    def of(self, path: Path) -> int | None:
        """Return the line of a place, or of the nearest one around it that is there."""
        return None if self._document is None else self._document.line(path)

    def problem(self, found: HookError | HookProblem) -> Problem:
        """Return what is wrong, with its line."""
        return Problem(found.path, found.message, self.of(found.path))
