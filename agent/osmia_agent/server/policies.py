"""Calls about policies, answered by whoever manages the node's policies.

As upstream answers them: an error is of code UNKNOWN with the reason as its text.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from osmia_agent.gateway.link import Status
from osmia_agent.sensors.policy_programs import HookState
from osmia_agent.sensors.policy_status import PolicyError, PolicyKey, PolicyState
from osmia_agent.server.calls import CallError, Method, refuse
from osmia_events import messages

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Executor

    from osmia_agent.server.node_policies import Mode, Policies
    from osmia_agent.server.policy_store import PolicyStore

DOMAIN = "grpc"
"""Of policies that come through the API and name no other."""

_MAX_CHANGES_WAITING = 16
_STATES = {
    PolicyState.ENABLED: "TP_STATE_ENABLED",
    PolicyState.DISABLED: "TP_STATE_DISABLED",
    PolicyState.LOAD_ERROR: "TP_STATE_LOAD_ERROR",
    PolicyState.PARTIALLY_ENABLED: "TP_STATE_PARTIALLY_ENABLED",
    PolicyState.SKIPPED: "TP_STATE_SKIPPED",
}
_RUNNING = (PolicyState.ENABLED, PolicyState.PARTIALLY_ENABLED)
_HOOK_STATES = {
    HookState.LOADED: "STATUS_LOADED",
    HookState.DETACHED: "STATUS_UNSPECIFIED",
    HookState.FAILED: "STATUS_UNSPECIFIED",
    HookState.REJECTED: "STATUS_DIGEST_REJECTED",
    HookState.IGNORED: "STATUS_CALL_NOT_FOUND",
}
_SENSORS = {
    "kprobes": "generic_kprobe",
    "tracepoints": "generic_tracepoint",
    "uprobes": "generic_uprobe",
    "usdts": "generic_usdt",
    "lsmhooks": "generic_lsm",
    "fentries": "generic_fentry",
    "enforcers": "__enforcer__",
    "loader": "__loader__",
}
"""By the section of a policy, in lower case."""
_COUNTERS = {
    "POST": "post",
    "NOPOST": "nopost",
    "SIGKILL": "signal",
    "SIGNAL": "signal",
    "OVERRIDE": "override",
    "NOTIFY_ENFORCER": "notify_enforcer",
    "SET": "set",
}
_ENFORCING = frozenset(_COUNTERS.values()) - {"post", "nopost"}


class PolicyCalls:
    """Answers calls about policies. Loading one takes a while: that is done in `executor`."""

    def __init__(
        self,
        policies: Policies,
        executor: Executor,
        store: PolicyStore | None = None,
        *,
        deprecated: bool = False,
    ) -> None:
        """`store` keeps what came through the API; `deprecated` has old calls answered too."""
        self._policies = policies
        self._executor = executor
        self._store = store
        self._deprecated = deprecated
        self._waiting = 0
        # What is kept is the policies as they are: of two changes at once, the later one wins here
        # as there. With nothing to keep, policies can be compiled side by side.
        self._in_order = nullcontext() if store is None else threading.Lock()

    def methods(self) -> dict[str, Method]:
        """Return the methods by their names."""
        return {
            "AddTracingPolicy": Method(self._add, changes=True),
            "DeleteTracingPolicy": Method(self._delete, changes=True),
            "ListTracingPolicies": Method(self._list),
            "ConfigureTracingPolicy": Method(self._configure, changes=True),
            "EnableTracingPolicy": Method(self._enable, changes=True),
            "DisableTracingPolicy": Method(self._disable, changes=True),
            "ListDomains": Method(self._domains),
        }

    async def _add(self, request: Any) -> Any:
        def add() -> None:
            with self._in_order:
                key = self._policies.add(request.yaml, request.domain or DOMAIN)
                self._keep(key, request.yaml)

        await self._change(add)
        return messages.AddTracingPolicyResponse()

    async def _delete(self, request: Any) -> Any:
        def delete() -> None:
            with self._in_order:
                self._policies.remove(_key(request))
                if self._store is not None:
                    self._store.drop(_key(request))

        await self._change(delete)
        return messages.DeleteTracingPolicyResponse()

    async def _configure(self, request: Any) -> Any:
        """Set the mode, then enable or disable; both are tried, and both errors told."""
        key = _key(request)
        problems = []

        def configure() -> None:
            if request.HasField("mode"):
                try:
                    self._set_mode(key, request.mode)
                except PolicyError as error:
                    problems.append(str(error))
            if request.HasField("enable"):
                try:
                    self._set_enabled(key, enable=request.enable)
                except PolicyError as error:
                    problems.append(str(error))
            if problems:
                raise PolicyError("\n".join(problems))

        await self._change(configure)
        return messages.ConfigureTracingPolicyResponse()

    async def _enable(self, request: Any) -> Any:
        self._refuse_deprecated("EnableTracingPolicy")
        await self._change(lambda: self._set_enabled(_key(request), enable=True))
        return messages.EnableTracingPolicyResponse()

    async def _disable(self, request: Any) -> Any:
        self._refuse_deprecated("DisableTracingPolicy")
        await self._change(lambda: self._set_enabled(_key(request), enable=False))
        return messages.DisableTracingPolicyResponse()

    async def _list(self, request: Any) -> Any:
        details = await self._run(self._policies.details)
        response = messages.ListTracingPoliciesResponse()
        for each in details:
            if not request.domain or request.domain == each.status.key.domain:
                _describe(each, response.policies.add())
        return response

    async def _domains(self, _: Any) -> Any:
        details = await self._run(self._policies.details)
        domains = sorted({each.status.key.domain for each in details})
        return messages.ListDomainsResponse(domains=domains)

    def _set_mode(self, key: PolicyKey, number: int) -> None:
        modes: dict[int, Mode] = {1: "enforce", 2: "monitor"}
        mode = modes.get(number)
        if mode is None:
            raise PolicyError(f"mode {number}: TP_MODE_ENFORCE and TP_MODE_MONITOR can be set")
        with self._in_order:
            self._policies.set_mode(key, mode)
            if self._store is not None:
                self._store.change(key, mode=mode)

    def _set_enabled(self, key: PolicyKey, *, enable: bool) -> None:
        with self._in_order:
            (self._policies.enable if enable else self._policies.disable)(key)
            if self._store is not None:
                self._store.change(key, enabled=enable)

    def _keep(self, key: PolicyKey, text: str) -> None:
        """Keep a policy that has been added; one that cannot be kept is taken out again."""
        if self._store is None:
            return
        try:
            self._store.put(key, text)
        except (PolicyError, OSError) as error:
            self._policies.remove(key)
            raise PolicyError(f"the policy cannot be kept for the next start: {error}") from error

    def _refuse_deprecated(self, name: str) -> None:
        if not self._deprecated:
            refuse(
                f"{name} is deprecated: use ConfigureTracingPolicy, or start the agent with"
                " --enable-deprecated-tracingpolicy-grpc"
            )

    async def _change(self, work: Callable[[], None]) -> None:
        if self._waiting >= _MAX_CHANGES_WAITING:
            raise CallError(
                Status.RESOURCE_EXHAUSTED,
                f"{self._waiting} changes of policies are waiting; try later",
            )
        self._waiting += 1
        try:
            # What has begun is finished, whether the client waits for it or not.
            await asyncio.shield(self._run(work))
        finally:
            self._waiting -= 1

    async def _run(self, work: Callable[[], Any]) -> Any:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work)
        except (PolicyError, OSError) as error:
            refuse(str(error))


def _key(request: Any) -> PolicyKey:
    return PolicyKey(request.name, request.namespace, request.domain or DOMAIN)


def _describe(details: Any, to: Any) -> None:
    status = details.status
    is_running = status.state in _RUNNING
    to.id = status.id
    to.name, to.namespace, to.domain = status.key
    to.enabled = is_running
    to.filter_id = status.id if status.is_scoped else 0
    failed = (hook.problem for hook in status.hooks if hook.is_broken)
    to.error = status.error or "; ".join(failed)
    to.state = (
        to.DESCRIPTOR.file.enum_types_by_name["TracingPolicyState"]
        .values_by_name[_STATES[status.state]]
        .number
    )
    to.kernel_memory_bytes = status.kernel_memory_bytes
    if is_running:
        to.mode = (1 if status.enforce else 2) if status.enforces else 3
        _count(details, to.stats)
    states = to.DESCRIPTOR.file.enum_types_by_name["HookState"].values_by_name
    sensors: dict[str, None] = {}
    for hook in status.hooks:
        # Such as spec.kprobes[0], or a place in it that is wrong.
        section, index = str(hook.path[1]), next((e for e in hook.path if isinstance(e, int)), 0)
        if section.lower() in _SENSORS:
            sensors[_SENSORS[section.lower()]] = None
        to.hook_statuses.add(
            section=section,
            state=states[_HOOK_STATES[hook.state]].number,
            hook_description=hook.description or hook.reason,
            hook_idx=index,
        )
    to.sensors.extend(sensors)


def _count(details: Any, stats: Any) -> None:
    """Write how often actions ran: of the policy, and of each selector."""
    stats.action_counters.SetInParent()
    of_selector: dict[int, Any] = {}
    for (selector, action, done), count in sorted(details.actions.items()):
        name = _COUNTERS.get(action.name)
        if name is None:
            continue
        if not done and name in _ENFORCING:
            name = f"monitor_{name}"
        entry = of_selector.get(selector)
        if entry is None:
            entry = of_selector[selector] = stats.selector_action_counters.add()
            _place(details.hooks, selector, entry)
        for counters in (stats.action_counters, entry.action_counters):
            setattr(counters, name, getattr(counters, name) + count)


def _place(hooks: Sequence[Any], selector: int, entry: Any) -> None:
    """Say which selector it is: policies number them through all hooks."""
    before = [hook for hook in hooks if hook.first_selector <= selector]
    if not before:
        return
    hook = max(before, key=lambda each: each.first_selector)
    within = selector - hook.first_selector
    entry.hook = hook.name
    entry.hook_index.value = next((at for at in reversed(hook.path) if isinstance(at, int)), 0)
    entry.selector_index.value = within
    if within < len(hook.selector_labels):
        entry.selector_label = hook.selector_labels[within]
