"""Bundles on disk, so that an agent starts with what was in force while no API server answers.

One file per bundle: the digest in hex, a line break, and the payload. A file is written beside its
place and renamed, so it is old or new, never half; one that does not fit its digest is left out.
"""

from __future__ import annotations

import logging
import os
import re
from typing import TYPE_CHECKING

from osmia_api.bundle import BundleError, parse_bundle

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from osmia_api.bundle import Bundle

_log = logging.getLogger(__name__)

_NAME = re.compile(r"[0-9a-f]{20}")
_SUFFIX = ".bundle"


class LastKnownGood:
    """The directory; trouble with it is logged and never stops the agent."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._saved: dict[str, str] = {}

    def load(self) -> dict[str, Bundle]:
        """Read all bundles, by id."""
        found: dict[str, Bundle] = {}
        try:
            paths = sorted(self._directory.glob(f"*{_SUFFIX}"))
        except OSError as error:
            _log.warning("bundles of earlier runs: %s", error)
            return found
        for path in paths:
            try:
                digest, _, payload = path.read_bytes().partition(b"\n")
                bundle = parse_bundle(payload, digest.decode("ascii", "replace"))
            except (OSError, BundleError) as error:
                _log.warning("%s: left out: %s", path, error)
                continue
            if path.name == bundle.id + _SUFFIX:
                found[bundle.id] = bundle
                self._saved[bundle.id] = bundle.digest
        return found

    def save(self, bundles: Mapping[str, Bundle]) -> None:
        """Make the directory hold exactly these bundles."""
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            for bundle_id, bundle in bundles.items():
                if self._saved.get(bundle_id) != bundle.digest:
                    self._write(bundle_id, bundle)
                    self._saved[bundle_id] = bundle.digest
            for path in self._directory.glob(f"*{_SUFFIX}"):
                name = path.name.removesuffix(_SUFFIX)
                if _NAME.fullmatch(name) and name not in bundles:
                    path.unlink(missing_ok=True)
                    self._saved.pop(name, None)
        except OSError as error:
            _log.warning("bundles cannot be kept for the next start: %s", error)

    def _write(self, bundle_id: str, bundle: Bundle) -> None:
        path = self._directory / (bundle_id + _SUFFIX)
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            # Policies are no secrets, but nobody else needs them.
            os.fchmod(file.fileno(), 0o600)
            file.write(bundle.digest.encode() + b"\n" + bundle.payload)
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
