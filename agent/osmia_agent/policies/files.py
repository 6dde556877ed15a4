"""Loads policies from files at start.

A file that cannot be used is told in the log and listed with its error; the agent and the other
policies go on.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from osmia_agent.policies.manager import STATIC
from osmia_agent.sensors.policy_status import PolicyError, PolicyKey, PolicyState

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from osmia_agent.policies.manager import PolicyManager

logger = logging.getLogger(__name__)


def load_files(manager: PolicyManager, paths: Sequence[Path]) -> None:
    """Load policies, all compiled ahead on all processors; each has been tried on return."""
    started_s = time.monotonic()
    texts: dict[Path, str] = {}
    failures: list[tuple[Path, str]] = []
    for path in paths:
        try:
            texts[path] = path.read_text(encoding="utf-8")
        except OSError as error:
            failures.append((path, f"cannot be read: {error.strerror}"))
        except UnicodeDecodeError as error:
            failures.append((path, f"not UTF-8 text (byte {error.start})"))
    unlisted = list(failures)
    try:
        manager.prepare(list(texts.values()))
    except PolicyError as error:
        logger.error("%s", error)
    for path, text in texts.items():
        try:
            manager.add(text, STATIC)
        except PolicyError as error:
            failures.append((path, str(error)))
            if error.key is None:
                unlisted.append((path, str(error)))
    if manager.is_stopped:
        return
    for path, reason in unlisted:
        manager.note_failed(PolicyKey(path.name, "", STATIC), reason)
    for path, reason in failures:
        logger.error("policy file %s: %s", path, reason)
    for status in manager.statuses():
        for hook in status.hooks:
            if status.state is PolicyState.PARTIALLY_ENABLED and hook.reason:
                logger.warning("policy %s: %s", status.key.name, hook.problem)
    logger.info(
        "policies from files: %d loaded, %d failed, in %.2f s",
        *(len(paths) - len(failures), len(failures), time.monotonic() - started_s),
    )
