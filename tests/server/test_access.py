"""Who reaches the API, by which listener, and what each may send."""

import os
import random
import signal
import socket
import stat
import subprocess
from pathlib import Path

import grpc
import pytest

from osmia_events import messages
from tests.server.replayed import ReplayedAgent, exec_event

PAYLOADS = int(os.environ.get("OSMIA_TEST_PAYLOADS", "500"))
"""Random requests of each kind; 10,000 take four minutes in all."""
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


def test_a_call_without_request_ends_with_a_status(agent):
    with grpc.insecure_channel(agent.address) as channel:
        call = channel.stream_stream(SERVICE + "GetVersion")(iter(()), timeout=10)
        with pytest.raises(grpc.RpcError) as error:
            list(call)
        assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def random_payloads(request_class, count, seed):
    """Yield random bytes, and messages with a few bytes changed."""
    choice = random.Random(seed)
    seeds = [b"", request_class().SerializeToString()]
    for field in request_class.DESCRIPTOR.fields:
        message = request_class()
        if field.message_type is None and not field.is_repeated:
            value = "x" * 30 if field.type == field.TYPE_STRING else 1
            if field.type == field.TYPE_BOOL:
                value = True
            setattr(message, field.name, value)
        elif field.message_type is not None and not field.is_repeated:
            getattr(message, field.name).SetInParent()
        elif field.message_type is not None and not field.message_type.GetOptions().map_entry:
            getattr(message, field.name).add()
        seeds.append(message.SerializeToString())
    for _ in range(count):
        data = bytearray(choice.choice(seeds))
        if choice.random() < 0.5 or not data:
            data += choice.randbytes(choice.randrange(40))
        for _ in range(choice.randrange(4)):
            if data:
                data[choice.randrange(len(data))] = choice.randrange(256)
        yield bytes(data)


def methods():
    for name in ("FineGuidanceSensors", "EventLogService"):
        service = messages.service(name)
        for method in service.methods:
            yield f"/{service.full_name}/{method.name}", method.input_type.name


@pytest.mark.parametrize(("path", "request_name"), list(methods()))
def test_no_payload_harms(fuzzed, path, request_name):
    """Fifty at once; every one has an answer or a status, and streams are cancelled."""
    agent, channel = fuzzed
    call = channel.unary_stream(path) if path.endswith("/GetEvents") else channel.unary_unary(path)
    payloads = random_payloads(messages.message_class(request_name), PAYLOADS, path)
    open_calls = []

    def finish():
        for each in open_calls:
            if path.endswith("/GetEvents"):
                each.initial_metadata()  # it is open, or has ended
                each.cancel()
            code = each.code()
            assert code is not None
            assert code not in {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNAVAILABLE}, (
                each.details()
            )
        open_calls.clear()

    for payload in payloads:
        open_calls.append(
            call(payload, timeout=60)
            if path.endswith("/GetEvents")
            else call.future(payload, timeout=60)
        )
        if len(open_calls) == 50:
            finish()
    finish()
    assert agent.process.poll() is None
    assert "Traceback" not in agent.log()


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzzed")
    options = ("--server-max-calls", "1000000")
    with ReplayedAgent(folder, *options) as agent, grpc.insecure_channel(agent.address) as channel:
        yield agent, channel


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
