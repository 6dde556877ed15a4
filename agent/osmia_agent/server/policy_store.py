"""Policies that came through the API, kept in a directory for the agent's next start.

One file each, `<name>:<namespace>:<domain>.json`, that holds the policy as it was given.
"""

from __future__ import annotations

import json
import logging
import os
from typing import TYPE_CHECKING, Any

from osmia_agent.sensors.policy_status import PolicyError, PolicyKey

if TYPE_CHECKING:
    from pathlib import Path

    from osmia_agent.server.node_policies import Policies

_log = logging.getLogger(__name__)

_DIRECTORY_PERMISSIONS = 0o700
_FILE_PERMISSIONS = 0o600


class PolicyStore:
    """A directory; methods raise OSError."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(mode=_DIRECTORY_PERMISSIONS, parents=True, exist_ok=True)
        directory.chmod(_DIRECTORY_PERMISSIONS)
        self._directory = directory

    def put(self, key: PolicyKey, text: str) -> None:
        """Keep a policy, enabled and in its own mode."""
        self._write(key, {"yaml": text, "enabled": True})

    def drop(self, key: PolicyKey) -> None:
        """Keep it no more."""
        self._path(key).unlink(missing_ok=True)

    def change(self, key: PolicyKey, **state: object) -> None:
        """Note what has changed of a policy that is kept: `enabled`, `mode`."""
        try:
            kept = json.loads(self._path(key).read_text())
        except FileNotFoundError:
            return
        self._write(key, {**kept, **state})

    def restore(self, policies: Policies) -> None:
        """Add all that is kept: all of it or, if one fails, nothing, which is logged."""
        added: list[PolicyKey] = []
        try:
            for path in sorted(self._directory.glob("[!.]*.json")):
                kept = json.loads(path.read_text())
                # Neither names nor namespaces have a colon in them; domains may have.
                domain = path.stem.split(":", 2)[-1]
                key = policies.add(kept["yaml"], domain, mode=kept.get("mode"))
                added.append(key)
                if not kept["enabled"]:
                    policies.disable(key)
        except (PolicyError, OSError, ValueError, KeyError, TypeError) as error:
            _log.error("policies of the API are not restored: %s: %s", path, error)
            for key in added:
                policies.remove(key)

    def _path(self, key: PolicyKey) -> Path:
        name = ":".join(key)
        if "/" in name or "\0" in name:
            raise PolicyError(f"{name!r} cannot be the name of a file")
        return self._directory / f"{name}.json"

    def _write(self, key: PolicyKey, kept: dict[str, Any]) -> None:
        path = self._path(key)
        aside = path.with_name(f".{path.name}")
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _FILE_PERMISSIONS)
        with os.fdopen(descriptor, "w") as file:
            json.dump(kept, file)
        aside.rename(path)
