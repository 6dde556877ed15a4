"""The kernel's file system of tracepoints, which policies on tracepoints and uprobes need."""

from __future__ import annotations

import ctypes
import logging
import os
from pathlib import Path

logger = logging.getLogger(__name__)

TRACEFS = Path("/sys/kernel/tracing")


def ensure_tracefs() -> None:
    """Mount it where it is not; where that is not possible, policies will say what is missing."""
    if (TRACEFS / "events").is_dir():
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"tracefs", os.fsencode(TRACEFS), b"tracefs", ctypes.c_ulong(0), None):
        reason = os.strerror(ctypes.get_errno())
        logger.warning("%s cannot be mounted (%s): no tracepoints for policies", TRACEFS, reason)
    else:
        logger.info("mounted %s", TRACEFS)
