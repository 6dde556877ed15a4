"""Policies of the cluster, loaded, changed and removed as their bundles come and go."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, NamedTuple

from osmia_agent.kube.outcome import Outcome, State
from osmia_agent.policies import K8S, PolicyError, PolicyKey, PolicyState
from osmia_api.export_config import ExportConfig
from osmia_api.kube.resource_type import EXPORT_CONFIGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from osmia_agent.policies import PolicyManager
    from osmia_api.bundle import Bundle, SourceId


class _Applied(NamedTuple):
    text: str
    key: PolicyKey
    outcome: Outcome
    enforce: bool
    """Its mode when it was loaded."""


class PolicyBundles:
    """Used by one thread."""

    def __init__(self, manager: PolicyManager) -> None:
        self._manager = manager
        self._in_force: dict[str, _Applied] = {}
        """By bundle: what the kernel has of it."""
        self._tried: dict[str, tuple[str, Outcome]] = {}
        """By bundle: the text that was tried last, and what became of it."""
        self._listed: dict[str, PolicyKey] = {}

    def apply(
        self,
        bundles: Mapping[str, Bundle],
        elsewhere: Iterable[SourceId],
        tell: Callable[[Mapping[str, Outcome]], None],
    ) -> None:
        """Put the policies among bundles in force, and no others.

        Those `elsewhere`, for other nodes, are listed as skipped. `tell` is called after each
        policy with what became of all so far. A version that fails is not tried again; the one
        before it stays.
        """
        policies = {
            bundle_id: bundle
            for bundle_id, bundle in bundles.items()
            if not isinstance(bundle.resource, ExportConfig)
        }
        for bundle_id in self._tried.keys() - policies.keys():
            self._remove(bundle_id)
        self._manager.set_skipped(
            PolicyKey(source.name, source.namespace, K8S)
            for source in sorted(elsewhere)
            if source.kind != EXPORT_CONFIGS.kind
        )
        texts = {bundle_id: policy_text(bundle) for bundle_id, bundle in policies.items()}
        changed = [each for each, text in texts.items() if self._text_tried(each) != text]
        for bundle_id, bundle in policies.items():
            if bundle_id not in changed:
                self._renew(bundle_id, bundle.short_hash)
        self._look()
        tell(self.outcomes())
        if len(changed) > 1:
            with contextlib.suppress(PolicyError):  # each of them will tell
                self._manager.prepare([texts[each] for each in changed])
        for bundle_id in changed:
            outcome = self._load(bundle_id, texts[bundle_id], policies[bundle_id].short_hash)
            self._tried[bundle_id] = texts[bundle_id], outcome
            tell(self.outcomes())

    def outcomes(self) -> dict[str, Outcome]:
        """Return what became of each policy that has been tried, by bundle."""
        return {bundle_id: outcome for bundle_id, (_, outcome) in self._tried.items()}

    def _text_tried(self, bundle_id: str) -> str:
        return self._tried[bundle_id][0] if bundle_id in self._tried else ""

    def _renew(self, bundle_id: str, short_hash: str) -> None:
        """Note a version that differs in nothing but its generation."""
        text, outcome = self._tried[bundle_id]
        self._tried[bundle_id] = text, outcome._replace(short_hash=short_hash)
        applied = self._in_force.get(bundle_id)
        if applied is not None and applied.text == text:
            renewed = applied.outcome._replace(short_hash=short_hash)
            self._in_force[bundle_id] = applied._replace(outcome=renewed)

    def _look(self) -> None:
        """Note what has been done to policies by the API of this node since they were loaded."""
        for bundle_id, applied in self._in_force.items():
            text, outcome = self._tried[bundle_id]
            if text == applied.text:
                self._tried[bundle_id] = text, self._as_it_is(applied, outcome)

    def _as_it_is(self, applied: _Applied, outcome: Outcome) -> Outcome:
        loaded = applied.outcome._replace(short_hash=outcome.short_hash)
        try:
            status = self._manager.status(applied.key)
        except PolicyError:
            return Outcome(loaded.short_hash, State.DISABLED, "removed by the API of this node")
        if status.state is PolicyState.DISABLED:
            return Outcome(loaded.short_hash, State.DISABLED, "disabled by the API of this node")
        if status.enforce != applied.enforce:
            mode = "enforce" if status.enforce else "monitor"
            reason = f"put into mode {mode} by the API of this node"
            return Outcome(loaded.short_hash, State.FAILED, reason)
        return loaded

    def _load(self, bundle_id: str, text: str, short_hash: str) -> Outcome:
        before = self._in_force.get(bundle_id)
        try:
            key = self._manager.add(text, K8S, replace=True)
        except PolicyError as error:
            if error.key is not None:
                self._listed[bundle_id] = error.key
            in_force = before.outcome.short_hash if before is not None else ""
            return Outcome(short_hash, State.FAILED, str(error), in_force)
        self._listed[bundle_id] = key
        status = self._manager.status(key)
        reasons = [hook.problem for hook in status.hooks if hook.is_broken]
        outcome = Outcome(short_hash, State.LOADED)
        if reasons:
            reason = "only some hooks work: " + "; ".join(reasons)
            outcome = Outcome(short_hash, State.FAILED, reason)
        self._in_force[bundle_id] = _Applied(text, key, outcome, status.enforce)
        return outcome

    def _remove(self, bundle_id: str) -> None:
        self._tried.pop(bundle_id, None)
        self._in_force.pop(bundle_id, None)
        key = self._listed.pop(bundle_id, None)
        if key is not None:
            with contextlib.suppress(PolicyError):  # somebody has removed it by the API
                self._manager.remove(key)


def policy_text(bundle: Bundle) -> str:
    """Return a policy's document; what is not part of the policy (uid, generation) is left out.

    So equal policies have equal bytecode in the cache.
    """
    content = json.loads(bundle.payload)
    metadata = {"name": content["name"]}
    if content["namespace"]:
        metadata["namespace"] = content["namespace"]
    document = {
        "apiVersion": content["apiVersion"],
        "kind": content["kind"],
        "metadata": metadata,
        "spec": content["spec"],
    }
    return json.dumps(document, sort_keys=True, ensure_ascii=False)
