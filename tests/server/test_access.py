"""Who reaches the API, by which listener, and what each may send."""

import contextlib
import os
import signal
import socket
import stat
import subprocess
from pathlib import Path

import grpc
import pytest

from osmia_events import messages
from tests.server.replayed import ReplayedAgent, exec_event

SERVICE = "/tetragon.FineGuidanceSensors/"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def raw(channel, method):
    return channel.unary_unary(method)


def test_the_socket_is_for_owner_and_group_and_goes_with_the_agent(agent):
    path = agent.run_dir / "s"
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    info = agent.info()
    assert info["server_address"] == f"unix://{path}"
    assert info["pid"] == agent.process.pid
    assert sorted(each.name for each in agent.run_dir.iterdir()) == ["s", "tetragon-info.json"]
    assert agent.end() == 0
    assert not any(agent.run_dir.iterdir())


def test_a_port_has_the_socket_beside_it(tmp_path, generated):
    port = free_port()
    with ReplayedAgent(tmp_path, address=f"localhost:{port}") as agent:
        for address in (f"127.0.0.1:{port}", f"unix:{agent.run_dir}/tetragon.sock"):
            with grpc.insecure_channel(address) as channel:
                stub = generated.sensors_grpc.FineGuidanceSensorsStub(channel)
                assert stub.GetVersion(generated.sensors.GetVersionRequest(), timeout=10).version
        with socket.socket() as probe, pytest.raises(OSError, match="in use"):
            probe.bind(("127.0.0.1", port))


def test_an_address_that_is_taken_is_told(tmp_path):
    with ReplayedAgent(tmp_path) as agent:
        result = subprocess.run(
            agent.command,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert result.returncode == 1
        assert "gRPC cannot be served on" in result.stderr
        assert "another process listens there" in result.stderr
        assert agent.process.poll() is None
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [*agent.command, "--server-address", f"127.0.0.1:{port}"]
        result = subprocess.run(
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert result.returncode == 1
    assert f"127.0.0.1:{port}: Address already in use" in result.stderr


def listening(pid):
    """Return the sockets of a process that are listened on."""
    proc = Path(f"/proc/{pid}")
    held = {str(fd.readlink()) for fd in (proc / "fd").iterdir()}
    found = set()
    for name, state, listens, inode in (
        ("tcp", 3, "0A", 9),
        ("tcp6", 3, "0A", 9),
        ("unix", 3, "00010000", 6),
    ):
        for line in (proc / "net" / name).read_text().splitlines()[1:]:
            words = line.split()
            if words[state] == listens and f"socket:[{words[inode]}]" in held:
                found.add(f"{name} {words[1]}")
    return found


def test_without_an_address_nothing_listens_and_grpc_is_not_loaded(tmp_path):
    with ReplayedAgent(tmp_path, address="") as agent:
        assert not listening(agent.process.pid)
        assert agent.gateway() is None
        assert not agent.run_dir.exists()
        assert "cygrpc" not in Path(f"/proc/{agent.process.pid}/maps").read_text()


def test_with_a_port_that_and_the_socket_listen(tmp_path):
    with ReplayedAgent(tmp_path, address="127.0.0.1:0") as agent:
        assert not listening(agent.process.pid)
        port, unix = sorted(listening(agent.gateway()))
        assert port.startswith("tcp")  # IPv6's, with an IPv4 address in it
        assert unix.startswith("unix")


def test_a_port_can_refuse_changes(tmp_path, generated):
    port = free_port()
    sensors = generated.sensors
    with (
        ReplayedAgent(tmp_path, "--server-read-only", address=f"127.0.0.1:{port}") as agent,
        grpc.insecure_channel(f"127.0.0.1:{port}") as over_port,
        grpc.insecure_channel(f"unix:{agent.run_dir}/tetragon.sock") as over_socket,
    ):
        stub = generated.sensors_grpc.FineGuidanceSensorsStub(over_port)
        assert stub.GetVersion(sensors.GetVersionRequest(), timeout=10).version
        for name, request in (
            ("AddTracingPolicy", sensors.AddTracingPolicyRequest()),
            ("DeleteTracingPolicy", sensors.DeleteTracingPolicyRequest()),
            ("ConfigureTracingPolicy", sensors.ConfigureTracingPolicyRequest()),
            ("EnableTracingPolicy", sensors.EnableTracingPolicyRequest()),
            ("DisableTracingPolicy", sensors.DisableTracingPolicyRequest()),
            ("SetDebug", sensors.SetDebugRequest()),
            ("RuntimeHook", generated.tetragon.RuntimeHookRequest()),
        ):
            with pytest.raises(grpc.RpcError) as error:
                getattr(stub, name)(request, timeout=10)
            assert error.value.code() is grpc.StatusCode.PERMISSION_DENIED
        inside = generated.sensors_grpc.FineGuidanceSensorsStub(over_socket)
        assert inside.SetDebug(sensors.SetDebugRequest(level=4), timeout=10).level == 4


def test_requests_that_are_none_too_large_or_too_many(tmp_path):
    with ReplayedAgent(tmp_path, "--server-max-calls", "20") as agent:
        with grpc.insecure_channel(agent.address) as channel:
            version = raw(channel, SERVICE + "GetVersion")
            with pytest.raises(grpc.RpcError) as error:
                version(b"\xff\xff", timeout=10)
            assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT
            with pytest.raises(grpc.RpcError) as error:
                version(bytes(5 << 20), timeout=10)
            assert error.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            with pytest.raises(grpc.RpcError) as error:
                raw(channel, SERVICE + "Nothing")(b"", timeout=10)
            assert error.value.code() is grpc.StatusCode.UNIMPLEMENTED
            endless = channel.stream_stream(SERVICE + "GetVersion")
            call = endless((b"" for _ in range(10**9)), timeout=20)
            assert len(list(call)) == 1
            codes = set()
            for _ in range(100):
                try:
                    version(b"", timeout=10)
                except grpc.RpcError as refused:
                    codes.add(refused.code())
            assert codes == {grpc.StatusCode.RESOURCE_EXHAUSTED}
        assert "Traceback" not in agent.log()


METHODS = [
    f"/{service.full_name}/{method.name}"
    for service in map(messages.service, ("FineGuidanceSensors", "EventLogService"))
    for method in service.methods
]


def test_an_oversized_or_endless_request_of_any_kind_has_a_status(agent):
    """Only the first request of a call is looked at; a client may go on for ever."""
    with grpc.insecure_channel(agent.address) as channel:
        for path in METHODS:
            with pytest.raises(grpc.RpcError) as error:
                list(channel.unary_stream(path)(bytes(5 << 20), timeout=30))
            assert error.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        for path in METHODS:
            call = channel.stream_stream(path)((b"" for _ in range(10**9)), timeout=30)
            if path.endswith("/GetEvents"):
                call.initial_metadata()
                call.cancel()
            with contextlib.suppress(grpc.RpcError):
                list(call)
            assert call.code() not in {grpc.StatusCode.DEADLINE_EXCEEDED, None}
        assert raw(channel, SERVICE + "GetVersion")(b"", timeout=10)
    assert "Traceback" not in agent.log()


def test_a_call_without_request_ends_with_a_status(agent):
    with grpc.insecure_channel(agent.address) as channel:
        call = channel.stream_stream(SERVICE + "GetVersion")(iter(()), timeout=10)
        with pytest.raises(grpc.RpcError) as error:
            list(call)
        assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_a_killed_agent_leaves_nothing_in_the_way_of_the_next(tmp_path, generated):
    with ReplayedAgent(tmp_path) as first:
        os.kill(first.gateway(), signal.SIGKILL)  # else it would still tidy up
        first.process.kill()
        first.process.wait()
        assert (first.run_dir / "s").exists()
        with ReplayedAgent(tmp_path) as second, grpc.insecure_channel(second.address) as channel:
            stub = generated.sensors_grpc.FineGuidanceSensorsStub(channel)
            stream = stub.GetEvents(generated.events.GetEventsRequest(), wait_for_ready=True)
            stream.initial_metadata()
            second.feed(exec_event(3))
            assert next(stream).process_exec.process.pid.value == 3
            stream.cancel()
