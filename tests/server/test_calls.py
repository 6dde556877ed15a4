"""Every call of the contract but streams, by a generated client."""

import grpc
import pytest
from google.protobuf import struct_pb2, wrappers_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

from tests.server.replayed import ReplayedAgent


def failure(call, request, timeout=10):
    with pytest.raises(grpc.RpcError) as error:
        call(request, timeout=timeout)
    return error.value.code(), error.value.details()


def test_version_and_health(stub, generated):
    assert stub.GetVersion(generated.sensors.GetVersionRequest()).version
    (status,) = stub.GetHealth(
        generated.tetragon.GetHealthStatusRequest(event_set=[0])
    ).health_status
    running = generated.tetragon.HEALTH_STATUS_RUNNING
    assert (status.event, status.status, status.details) == (1, running, "running")


def test_info_tells_every_option(stub, generated):
    info = stub.GetInfo(generated.sensors.GetInfoRequest())
    assert info.version == stub.GetVersion(generated.sensors.GetVersionRequest()).version
    found = {}
    kinds = (
        wrappers_pb2.BoolValue,
        wrappers_pb2.Int64Value,
        wrappers_pb2.StringValue,
        struct_pb2.ListValue,
    )
    for entry in info.conf:
        for kind in kinds:
            value = kind()
            if entry.value.Unpack(value):
                found[entry.key] = list(value) if kind is struct_pb2.ListValue else value.value
    assert found["event-queue-size"] == 10_000
    assert found["enable-process-cred"] is False
    assert found["replay"] == "-"
    assert found["metrics-label-filter"] == ["namespace", "workload", "pod", "binary"]
    assert found["export-file-rotation-interval"] == "0s"


@pytest.mark.parametrize("name", ["ListSensors", "EnableSensor", "DisableSensor", "RemoveSensor"])
def test_calls_of_old_answer_as_upstream_does(stub, generated, name):
    request = getattr(generated.sensors, f"{name}Request")()
    told = failure(getattr(stub, name), request)
    assert told == (grpc.StatusCode.UNKNOWN, f"{name} is deprecated")


def test_an_agent_without_policies_says_so(stub, generated):
    sensors = generated.sensors
    assert not stub.ListTracingPolicies(sensors.ListTracingPoliciesRequest()).policies
    assert not stub.ListDomains(sensors.ListDomainsRequest()).domains
    for name in ("Add", "Delete", "Configure"):
        request = getattr(sensors, f"{name}TracingPolicyRequest")()
        code, text = failure(getattr(stub, f"{name}TracingPolicy"), request)
        assert (code, text) == (grpc.StatusCode.UNKNOWN, "this agent loads no policies")


def test_log_level_is_read_and_set(agent, stub, generated):
    sensors = generated.sensors
    assert stub.GetDebug(sensors.GetDebugRequest()).level == sensors.LOG_LEVEL_INFO
    for level, shown in (
        (sensors.LOG_LEVEL_DEBUG, sensors.LOG_LEVEL_DEBUG),
        (sensors.LOG_LEVEL_TRACE, sensors.LOG_LEVEL_DEBUG),
        (sensors.LOG_LEVEL_ERROR, sensors.LOG_LEVEL_ERROR),
    ):
        assert stub.SetDebug(sensors.SetDebugRequest(level=level)).level == level
        assert stub.GetDebug(sensors.GetDebugRequest()).level == shown
    assert failure(stub.SetDebug, sensors.SetDebugRequest(level=99))[0] is (
        grpc.StatusCode.INVALID_ARGUMENT
    )
    assert failure(stub.SetDebug, sensors.SetDebugRequest(flag=1))[0] is grpc.StatusCode.UNKNOWN
    assert failure(stub.GetDebug, sensors.GetDebugRequest(flag=7))[0] is grpc.StatusCode.UNKNOWN


def test_a_container_is_announced(stub, generated):
    tetragon = generated.tetragon
    container = tetragon.CreateContainer(
        cgroupsPath="system.slice:cri:0a1b2c", podUID="5d3b5c5c-7f0e-4f4e-9a0e-1f1b6d1c2a3b"
    )
    stub.RuntimeHook(tetragon.RuntimeHookRequest(createContainer=container))
    for request in (
        tetragon.RuntimeHookRequest(),
        tetragon.RuntimeHookRequest(createContainer=tetragon.CreateContainer(containerID="x")),
    ):
        code, text = failure(stub.RuntimeHook, request)
        assert code is grpc.StatusCode.UNKNOWN
        assert text.startswith("server runtime hook failed. Check agent logs with logid=")


def test_event_log_without_file(channel, generated):
    stub = generated.eventlogservice_grpc.EventLogServiceStub(channel)
    request = generated.eventlogservice.GetEventLogParamsRequest()
    told = failure(stub.GetEventLogParams, request)
    assert told == (grpc.StatusCode.UNKNOWN, "no log params setters available")


def test_event_log_is_changed_while_it_is_written(tmp_path, generated):
    path = tmp_path / "events.json"
    options = ("--export-filename", str(path), "--export-file-rotation-interval", "90s")
    messages = generated.eventlogservice
    with ReplayedAgent(tmp_path, *options) as agent, grpc.insecure_channel(agent.address) as opened:
        stub = generated.eventlogservice_grpc.EventLogServiceStub(opened)

        def now():
            found = stub.GetEventLogParams(messages.GetEventLogParamsRequest())
            return (found.max_size, found.rotation_interval, found.max_backups)

        assert now() == (10, "1m30s", 5)
        stub.SetEventLogParams(messages.SetEventLogParamsRequest(max_size=3, max_backups=0))
        assert now() == (3, "1m30s", 0)
        stub.SetEventLogParams(messages.SetEventLogParamsRequest(rotation_interval="25h"))
        assert now() == (3, "25h0m0s", 0)
        for bad in ({"max_size": -1}, {"rotation_interval": "soon"}, {"rotation_interval": "-1s"}):
            request = messages.SetEventLogParamsRequest(max_backups=9, **bad)
            assert failure(stub.SetEventLogParams, request)[0] is grpc.StatusCode.INVALID_ARGUMENT
        assert now() == (3, "25h0m0s", 0)


def test_health_of_the_standard_service(channel):
    stub = health_pb2_grpc.HealthStub(channel)
    serving = health_pb2.HealthCheckResponse.SERVING
    for name in ("", "liveness", "tetragon.FineGuidanceSensors"):
        assert stub.Check(health_pb2.HealthCheckRequest(service=name)).status == serving
    code, _ = failure(stub.Check, health_pb2.HealthCheckRequest(service="other"))
    assert code is grpc.StatusCode.NOT_FOUND


def test_reflection_tells_the_whole_api(channel):
    database = ProtoReflectionDescriptorDatabase(channel)
    assert {"tetragon.FineGuidanceSensors", "tetragon.EventLogService"} <= set(
        database.get_services()
    )
    file = database.FindFileContainingSymbol("tetragon.FineGuidanceSensors")
    (service,) = file.service
    assert len(service.method) == 18
