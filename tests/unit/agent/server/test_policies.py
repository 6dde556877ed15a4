"""Calls about policies of a node that has them without a kernel; what is told is the real kind."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from osmia_agent.gateway.link import Status
from osmia_agent.sensors.policy_programs import HookState, HookStatus
from osmia_agent.sensors.policy_status import (
    PolicyDetails,
    PolicyError,
    PolicyKey,
    PolicyState,
    PolicyStatus,
)
from osmia_agent.server.calls import CallError
from osmia_agent.server.policies import PolicyCalls
from osmia_agent.server.policy_store import PolicyStore
from osmia_bpf.policy.actions import ActionNumber
from osmia_bpf.policy.schema import HookSchema
from osmia_events import messages

if TYPE_CHECKING:
    from pathlib import Path

LOADED = HookStatus(("spec", "kprobes", 0), "kprobe sys_write", HookState.LOADED)
FAILED = HookStatus(("spec", "kprobes", 1, "call"), "", HookState.FAILED, "there is none", 9)
STATUS = PolicyStatus(
    id=7,
    key=PolicyKey("name", "namespace", "grpc"),
    state=PolicyState.ENABLED,
    error="",
    enforces=True,
    enforce=True,
    is_scoped=False,
    kernel_memory_bytes=4096,
    hooks=(LOADED,),
)


class Policies:
    """Notes the calls; those whose name is in `bad` cannot be done."""

    def __init__(self, *told: PolicyDetails, bad: tuple[str, ...] = ()) -> None:
        self.calls: list[Any] = []
        self.told = list(told)
        self.bad = bad
        self.go_on = threading.Event()
        self.go_on.set()

    def details(self) -> list[PolicyDetails]:
        return self.told

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: object, **_: object) -> PolicyKey:
            self.go_on.wait(10)
            if name in self.bad:
                raise PolicyError(f"{name} cannot be done")
            self.calls.append((name, *arguments))
            return PolicyKey("given", "", str(arguments[-1]))

        return call


def asked(policies: Policies, name: str, request: Any, **options: Any) -> Any:
    with ThreadPoolExecutor() as executor:
        methods = PolicyCalls(policies, executor, **options).methods()
        answer = methods[name].answer
        assert answer is not None
        return asyncio.run(answer(request))  # type: ignore[arg-type] # it is a coroutine


def listed(status: PolicyStatus = STATUS, **details: Any) -> Any:
    all_details = {"hooks": (), "counts": (), "actions": {}, "missed_runs": {}, **details}
    request = messages.ListTracingPoliciesRequest()
    policies = Policies(PolicyDetails(status, **all_details))
    (policy,) = asked(policies, "ListTracingPolicies", request).policies
    return policy


def test_every_field_of_a_policy_is_told() -> None:
    policy = listed()
    found = {field.name: value for field, value in policy.ListFields()}
    (hook,) = found.pop("hook_statuses")
    stats = found.pop("stats")
    assert found == {
        "id": 7,
        "name": "name",
        "namespace": "namespace",
        "sensors": ["generic_kprobe"],
        "enabled": True,
        "state": 1,  # TP_STATE_ENABLED
        "kernel_memory_bytes": 4096,
        "mode": 1,  # TP_MODE_ENFORCE
        "domain": "grpc",
    }
    assert (hook.section, hook.state, hook.hook_description, hook.hook_idx) == (
        "kprobes",
        1,  # STATUS_LOADED
        "kprobe sys_write",
        0,
    )
    assert stats.HasField("action_counters")
    assert listed(STATUS._replace(is_scoped=True)).filter_id == 7


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"enforce": False}, (1, True, 2, "")),
        ({"enforces": False}, (1, True, 3, "")),
        ({"state": PolicyState.PARTIALLY_ENABLED}, (8, True, 1, "")),
        ({"state": PolicyState.DISABLED}, (2, False, 0, "")),
        ({"state": PolicyState.LOAD_ERROR, "error": "why"}, (3, False, 0, "why")),
        ({"state": PolicyState.SKIPPED}, (7, False, 0, "")),
        (
            {"state": PolicyState.PARTIALLY_ENABLED, "hooks": (LOADED, FAILED)},
            (8, True, 1, "line 9: spec.kprobes[1].call: there is none"),
        ),
    ],
)
def test_state_and_mode(change: dict[str, Any], told: tuple[Any, ...]) -> None:
    policy = listed(STATUS._replace(**change))
    assert (policy.state, policy.enabled, policy.mode, policy.error) == told
    assert policy.HasField("stats") == policy.enabled


def test_hooks_of_every_section_and_state() -> None:
    hooks = (
        LOADED._replace(path=("spec", "enforcers", 0)),
        LOADED._replace(path=("spec", "lsmhooks", 1), state=HookState.IGNORED),
        LOADED._replace(path=("spec", "usdts", 2), state=HookState.FAILED),
        LOADED._replace(path=("spec", "uprobes", 2), state=HookState.REJECTED),
        LOADED._replace(path=("spec", "kprobes", 3, "args", 1, "type"), state=HookState.FAILED),
        FAILED._replace(path=("spec", "lists", 0)),
    )
    policy = listed(STATUS._replace(hooks=hooks))
    assert list(policy.sensors) == [
        *("__enforcer__", "generic_lsm", "generic_usdt", "generic_uprobe", "generic_kprobe"),
    ]
    found = [(each.section, each.hook_idx, each.state) for each in policy.hook_statuses]
    assert found == [
        ("enforcers", 0, 1),  # STATUS_LOADED
        ("lsmhooks", 1, 3),  # STATUS_CALL_NOT_FOUND
        ("usdts", 2, 0),  # STATUS_UNSPECIFIED
        ("uprobes", 2, 2),  # STATUS_DIGEST_REJECTED
        ("kprobes", 3, 0),
        ("lists", 0, 0),
    ]
    assert [each.hook_description for each in policy.hook_statuses] == [
        *["kprobe sys_write"] * 5,
        "there is none",
    ]


def test_actions_are_counted_of_the_policy_and_of_each_selector() -> None:
    hooks = tuple(
        HookSchema(
            path=("spec", "kprobes", at),
            section="kprobes",
            name=name,
            targets=(name,),
            program="p",
            first_selector=first,
            selector_labels=labels,
        )
        for at, (name, first, labels) in enumerate([("a", 0, ("one", "two")), ("b", 2, ())])
    )
    actions = {
        (0, ActionNumber.POST, True): 5,
        (1, ActionNumber.SIGKILL, True): 2,
        (1, ActionNumber.SIGNAL, True): 1,
        (2, ActionNumber.OVERRIDE, False): 3,
        (2, ActionNumber.NOPOST, False): 4,
    }
    stats = listed(hooks=hooks, actions=actions).stats
    total = {field.name: count for field, count in stats.action_counters.ListFields()}
    assert total == {"post": 5, "signal": 3, "monitor_override": 3, "nopost": 4}
    assert [
        (
            each.hook,
            each.hook_index.value,
            each.selector_index.value,
            each.selector_label,
            each.action_counters.post + each.action_counters.signal,
        )
        for each in stats.selector_action_counters
    ] == [("a", 0, 0, "one", 5), ("a", 0, 1, "two", 3), ("b", 1, 0, "", 0)]


def test_domains() -> None:
    told = [
        PolicyDetails(STATUS._replace(key=PolicyKey(domain, "", domain)), (), (), {}, {})
        for domain in ("static", "grpc", "static", "k8s")
    ]
    policies = Policies(*told)
    response = asked(policies, "ListDomains", messages.ListDomainsRequest())
    assert list(response.domains) == ["grpc", "k8s", "static"]
    request = messages.ListTracingPoliciesRequest(domain="static")
    assert len(asked(policies, "ListTracingPolicies", request).policies) == 2


def test_mode_comes_first_and_each_error_is_told(tmp_path: Path) -> None:
    request = messages.ConfigureTracingPolicyRequest(name="n", enable=False, mode=2)
    key = PolicyKey("n", "", "grpc")
    policies = Policies()
    asked(policies, "ConfigureTracingPolicy", request)
    assert policies.calls == [("set_mode", key, "monitor"), ("disable", key)]
    store = PolicyStore(tmp_path)
    half = Policies(bad=("set_mode",))
    with pytest.raises(CallError, match="set_mode cannot be done"):
        asked(half, "ConfigureTracingPolicy", request, store=store)
    assert half.calls == [("disable", key)]
    with pytest.raises(CallError, match=r"set_mode cannot be done\ndisable cannot be done"):
        asked(Policies(bad=("set_mode", "disable")), "ConfigureTracingPolicy", request)
    request = messages.ConfigureTracingPolicyRequest(name="n", mode=3, domain="static")
    with pytest.raises(CallError, match="TP_MODE_ENFORCE and TP_MODE_MONITOR can be set"):
        asked(Policies(), "ConfigureTracingPolicy", request)


def test_calls_of_old_are_done_only_if_the_agent_is_told_to() -> None:
    for name, done in (("EnableTracingPolicy", "enable"), ("DisableTracingPolicy", "disable")):
        request = getattr(messages, f"{name}Request")(name="n")
        policies = Policies()
        with pytest.raises(CallError, match=f"{name} is deprecated"):
            asked(policies, name, request)
        asked(policies, name, request, deprecated=True)
        assert policies.calls == [(done, PolicyKey("n", "", "grpc"))]


def test_changes_beyond_those_that_may_wait_are_refused() -> None:
    policies = Policies()
    policies.go_on.clear()

    async def scenario() -> list[Status]:
        with ThreadPoolExecutor(1) as executor:
            add = PolicyCalls(policies, executor).methods()["AddTracingPolicy"].answer
            assert add is not None
            calls = [
                asyncio.ensure_future(add(messages.AddTracingPolicyRequest(yaml="x")))
                for _ in range(20)
            ]
            await asyncio.sleep(0.1)
            refused = [each.exception() for each in calls if each.done()]
            policies.go_on.set()
            await asyncio.wait(calls)
            return [each.status for each in refused if isinstance(each, CallError)]

    assert asyncio.run(scenario()) == [Status.RESOURCE_EXHAUSTED] * 4
    assert len(policies.calls) == 16


def test_a_policy_that_cannot_be_kept_is_not_in_force(tmp_path: Path) -> None:
    policies = Policies()
    request = messages.AddTracingPolicyRequest(yaml="x", domain="a/b")
    with pytest.raises(CallError, match="cannot be kept for the next start: 'given::a/b' cannot"):
        asked(policies, "AddTracingPolicy", request, store=PolicyStore(tmp_path))
    assert policies.calls == [("add", "x", "a/b"), ("remove", PolicyKey("given", "", "a/b"))]


def test_what_is_kept_is_what_is_in_force_whoever_changes_it_at_once(tmp_path: Path) -> None:
    """A removal waits where it has taken the policy out and not yet dropped what is kept of it."""
    there: set[PolicyKey] = set()
    removed, added = threading.Event(), threading.Event()

    class Slow(Policies):
        def add(self, _: str, domain: str) -> PolicyKey:
            key = PolicyKey("given", "", domain)
            there.add(key)
            return key

        def remove(self, key: PolicyKey) -> None:
            there.discard(key)
            removed.set()
            added.wait(0.2)

    async def scenario() -> None:
        store = PolicyStore(tmp_path)
        policies = Slow()
        store.put(policies.add("x", "grpc"), "x")
        with ThreadPoolExecutor() as executor:
            methods = PolicyCalls(policies, executor, store).methods()
            add, delete = methods["AddTracingPolicy"].answer, methods["DeleteTracingPolicy"].answer
            assert add is not None
            assert delete is not None
            going = asyncio.ensure_future(delete(messages.DeleteTracingPolicyRequest(name="given")))
            await asyncio.to_thread(removed.wait)
            await add(messages.AddTracingPolicyRequest(yaml="x"))
            added.set()
            await going

    asyncio.run(scenario())
    assert there
    assert [path.name for path in tmp_path.iterdir()] == ["given::grpc.json"]
