"""The gRPC API of an agent that watches this kernel, by clients generated from the contract."""

import importlib
import json
import os
import sys
from types import SimpleNamespace

import grpc
import pytest

from tests.bpf.agent import Agent, wait_until
from tests.server.generated import generate
from tests.server.payloads import payloads

PYTHON = os.path.realpath(sys.executable)
POLICY = """
apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata:
  name: {name}
spec:
  tracepoints:
  - subsystem: syscalls
    event: sys_enter_access
    args: [{{index: 5, type: string}}, {{index: 6, type: int}}]
    selectors:
    - matchArgs: [{{index: 0, operator: Prefix, values: [/osmia-secret]}}]
      matchActions: [{{action: {action}}}]
"""
ACCESS = "import os; os.access('/osmia-secret/key', os.R_OK)"


@pytest.fixture(scope="module")
def contract(tmp_path_factory):
    folder = tmp_path_factory.mktemp("generated")
    generate(folder)
    sys.path.insert(0, str(folder))
    names = ("sensors_pb2", "sensors_pb2_grpc", "events_pb2", "tetragon_pb2")
    try:
        yield SimpleNamespace(
            **{name: importlib.import_module(f"tetragon.{name}") for name in names}
        )
    finally:
        sys.path.remove(str(folder))


@pytest.fixture
def options(tmp_path):
    run_dir = tmp_path / "run"
    return (
        *("--server-address", f"unix://{run_dir}/s", "--run-dir", run_dir),
        *("--persist-grpc-policies", "--persist-grpc-policies-dir", run_dir / "policies"),
        *("--redaction-filters", '{"redact": ["(osmia-hidden)"]}'),
    )


@pytest.fixture
def agent(tmp_path, bpf_lib, options):
    with Agent(tmp_path, bpf_lib, *options) as running:
        yield running


@pytest.fixture
def stub(agent, tmp_path, contract):
    with grpc.insecure_channel(f"unix:{tmp_path}/run/s") as channel:
        yield contract.sensors_pb2_grpc.FineGuidanceSensorsStub(channel)


def policies(stub, contract, domain=""):
    request = contract.sensors_pb2.ListTracingPoliciesRequest(domain=domain)
    return list(stub.ListTracingPolicies(request, timeout=60).policies)


def refused(call, request):
    with pytest.raises(grpc.RpcError) as error:
        call(request, timeout=60)
    assert error.value.code() is grpc.StatusCode.UNKNOWN
    return error.value.details()


def run(*command):
    pid = os.posix_spawn(command[0], command, os.environ)
    return pid, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_policies_are_added_listed_and_configured(stub, contract):
    sensors = contract.sensors_pb2
    assert policies(stub, contract) == []
    request = contract.events_pb2.GetEventsRequest()
    request.allow_list.add(event_set=["PROCESS_TRACEPOINT"], policy_names=["watch-access"])
    request.field_filters.add().fields.paths.extend(
        ["process.pid", "policy_name", "args", "action"]
    )
    stream = stub.GetEvents(request)
    stream.initial_metadata()

    added = sensors.AddTracingPolicyRequest(
        yaml=POLICY.format(name="watch-access", action="Sigkill")
    )
    stub.AddTracingPolicy(added, timeout=60)
    (policy,) = policies(stub, contract)
    assert (policy.name, policy.namespace, policy.domain) == ("watch-access", "", "grpc")
    assert (policy.id, policy.state, policy.enabled) == (1, sensors.TP_STATE_ENABLED, True)
    assert policy.mode == sensors.TP_MODE_ENFORCE
    assert list(policy.sensors) == ["generic_tracepoint"]
    assert policy.kernel_memory_bytes > 0
    (hook,) = policy.hook_statuses
    assert (hook.section, hook.state) == ("tracepoints", sensors.STATUS_LOADED)
    assert policies(stub, contract, "other") == []
    assert list(stub.ListDomains(sensors.ListDomainsRequest()).domains) == ["grpc"]
    assert "watch-access" in refused(stub.AddTracingPolicy, added)

    pid, status = run(PYTHON, "-c", ACCESS)
    assert status == -9
    event = next(stream).process_tracepoint
    assert event.process.pid.value == pid
    assert event.process.binary == ""
    assert event.policy_name == "watch-access"
    assert event.args[0].string_arg == "/osmia-secret/key"
    (policy,) = policies(stub, contract)
    assert policy.stats.action_counters.signal == 1
    (counted,) = policy.stats.selector_action_counters
    assert counted.action_counters.signal == 1
    assert counted.selector_index.value == 0

    configure = sensors.ConfigureTracingPolicyRequest
    stub.ConfigureTracingPolicy(configure(name="watch-access", mode="TP_MODE_MONITOR"), timeout=60)
    assert policies(stub, contract)[0].mode == sensors.TP_MODE_MONITOR
    assert run(PYTHON, "-c", ACCESS)[1] == 0
    assert next(stream).process_tracepoint.action == contract.tetragon_pb2.KPROBE_ACTION_SIGKILL
    assert policies(stub, contract)[0].stats.action_counters.monitor_signal == 1

    stub.ConfigureTracingPolicy(configure(name="watch-access", enable=False), timeout=60)
    (policy,) = policies(stub, contract)
    assert (policy.state, policy.mode) == (sensors.TP_STATE_DISABLED, sensors.TP_MODE_UNKNOWN)
    assert not policy.HasField("stats")
    refused(stub.ConfigureTracingPolicy, configure(name="watch-access", enable=False))
    stub.ConfigureTracingPolicy(configure(name="watch-access", enable=True), timeout=60)
    deprecated = sensors.DisableTracingPolicyRequest(name="watch-access")
    assert "DisableTracingPolicy is deprecated" in refused(stub.DisableTracingPolicy, deprecated)

    stream.cancel()


def test_a_policy_for_some_workloads_has_the_id_of_a_filter(stub, contract):
    sensors = contract.sensors_pb2
    everywhere = POLICY.format(name="everywhere", action="Post")
    on_host = POLICY.format(name="on-host", action="Post") + "  hostSelector: {}\n"
    for yaml in (everywhere, on_host):
        stub.AddTracingPolicy(sensors.AddTracingPolicyRequest(yaml=yaml), timeout=60)
    first, second = policies(stub, contract)
    assert (first.name, first.filter_id) == ("everywhere", 0)
    assert (second.name, second.filter_id) == ("on-host", second.id)


def test_no_payload_about_policies_harms(agent, stub, contract, tmp_path):
    sensors = contract.sensors_pb2
    stub.AddTracingPolicy(
        sensors.AddTracingPolicyRequest(yaml=POLICY.format(name="stays", action="Post")), timeout=60
    )
    with grpc.insecure_channel(f"unix:{tmp_path}/run/s") as channel:
        for name in ("Add", "Delete", "Configure"):
            call = channel.unary_unary(f"/tetragon.FineGuidanceSensors/{name}TracingPolicy")
            made = payloads(getattr(sensors, f"{name}TracingPolicyRequest"), 50, name)
            answers = [call.future(payload, timeout=60) for payload in made]
            codes = {each.code() for each in answers}
            assert codes <= {
                grpc.StatusCode.OK,
                grpc.StatusCode.UNKNOWN,
                grpc.StatusCode.INVALID_ARGUMENT,
                grpc.StatusCode.RESOURCE_EXHAUSTED,
            }
    assert "stays" in {each.name for each in policies(stub, contract)}


def test_policies_are_deleted(stub, contract):
    sensors = contract.sensors_pb2
    text = POLICY.format(name="watch-access", action="Post")
    stub.AddTracingPolicy(sensors.AddTracingPolicyRequest(yaml=text), timeout=60)
    delete = sensors.DeleteTracingPolicyRequest
    assert refused(stub.DeleteTracingPolicy, delete(name="watch-access", domain="static"))
    stub.DeleteTracingPolicy(delete(name="watch-access"), timeout=60)
    assert policies(stub, contract) == []
    assert "watch-access" in refused(stub.DeleteTracingPolicy, delete(name="watch-access"))


def test_bad_policies_are_told_with_their_place(stub, contract):
    request = contract.sensors_pb2.AddTracingPolicyRequest
    for yaml, told in (
        ("", ""),
        ("a: [", ""),
        (POLICY.format(name="x", action="Dance"), "Dance"),
        ("x" * 100_000, ""),
    ):
        assert told in refused(stub.AddTracingPolicy, request(yaml=yaml))
    good = POLICY.format(name="x", action="Post")
    assert "reserved" in refused(stub.AddTracingPolicy, request(yaml=good, domain="sensors"))
    assert policies(stub, contract) == []


def test_a_policy_that_cannot_be_loaded_is_listed_until_another_takes_its_name(stub, contract):
    sensors = contract.sensors_pb2
    good = POLICY.format(name="x", action="Sigkill")
    request = sensors.AddTracingPolicyRequest
    bad = request(yaml=good.replace("sys_enter_access", "sys_enter_nothing"))
    told = refused(stub.AddTracingPolicy, bad)
    assert "sys_enter_nothing" in told
    (policy,) = policies(stub, contract)
    assert (policy.name, policy.state, policy.enabled) == ("x", sensors.TP_STATE_LOAD_ERROR, False)
    assert (policy.mode, policy.error) == (sensors.TP_MODE_UNKNOWN, told)
    configure = sensors.ConfigureTracingPolicyRequest
    for change in ({"enable": True}, {"enable": False}, {"mode": "TP_MODE_MONITOR"}):
        refused(stub.ConfigureTracingPolicy, configure(name="x", **change))
    for domain in ("", "mine"):
        stub.AddTracingPolicy(request(yaml=good, domain=domain), timeout=60)
    listed = {each.domain: each for each in policies(stub, contract)}
    assert {domain: each.state for domain, each in listed.items()} == {
        "grpc": sensors.TP_STATE_ENABLED,
        "mine": sensors.TP_STATE_ENABLED,
    }
    assert listed["grpc"].id > policy.id
    # Mode and state are changed in this order, and each error is told; nothing else changes.
    both = configure(name="x", domain="mine", mode="TP_MODE_MONITOR_ONLY", enable=True)
    assert len(refused(stub.ConfigureTracingPolicy, both).splitlines()) == 2
    stub.ConfigureTracingPolicy(
        configure(name="x", domain="mine", mode="TP_MODE_MONITOR", enable=False), timeout=60
    )
    stub.ConfigureTracingPolicy(configure(name="x", domain="mine", enable=True), timeout=60)
    modes = {each.domain: each.mode for each in policies(stub, contract)}
    assert modes == {"grpc": sensors.TP_MODE_ENFORCE, "mine": sensors.TP_MODE_MONITOR}


def test_policies_of_the_api_are_there_after_a_restart(agent, stub, contract, tmp_path):
    sensors = contract.sensors_pb2
    text = POLICY.format(name="kept", action="Sigkill")
    stub.AddTracingPolicy(sensors.AddTracingPolicyRequest(yaml=text), timeout=60)
    stub.ConfigureTracingPolicy(
        sensors.ConfigureTracingPolicyRequest(name="kept", mode="TP_MODE_MONITOR"), timeout=60
    )
    directory = tmp_path / "run/policies"
    assert directory.stat().st_mode & 0o777 == 0o700
    (file,) = directory.iterdir()
    assert file.name == "kept::grpc.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert json.loads(file.read_text()) == {"yaml": text, "enabled": True, "mode": "monitor"}
    agent.stop()
    agent.start()
    with grpc.insecure_channel(f"unix:{tmp_path}/run/s") as channel:
        stub = contract.sensors_pb2_grpc.FineGuidanceSensorsStub(channel)
        (policy,) = policies(stub, contract)
        assert (policy.name, policy.mode) == ("kept", sensors.TP_MODE_MONITOR)
        request = sensors.DeleteTracingPolicyRequest(name="kept")
        stub.DeleteTracingPolicy(request, timeout=60)
    assert list(directory.iterdir()) == []


def test_the_process_table_is_told_without_secrets(stub, contract):
    sensors = contract.sensors_pb2
    pid = os.posix_spawn(
        PYTHON, [PYTHON, "-c", "import time; time.sleep(60)", "osmia-hidden"], os.environ
    )
    try:
        request = sensors.GetDebugRequest(flag="CONFIG_FLAG_DUMP_PROCESS_CACHE")
        request.dump.skip_zero_refcnt = True

        def dump():
            return stub.GetDebug(request, timeout=60).processes.processes

        def images():
            return [
                e for e in dump() if e.process.pid.value == pid and "sleep" in e.process.arguments
            ]

        found = wait_until(images, what="the process in the table")
        assert found[-1].color == "inUse"
        assert found[-1].refcnt.value >= 1
        assert found[-1].process.arguments.endswith("*****")
        assert all(each.refcnt.value for each in dump())
        request.dump.exclude_execve_map_processes = True
        assert not images()
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)


def test_info_tells_what_the_kernel_offers(stub, contract):
    info = stub.GetInfo(contract.sensors_pb2.GetInfoRequest(), timeout=60)
    assert {each.Name: each.Enabled.value for each in info.probes}["btf"]
