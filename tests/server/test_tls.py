"""TLS of the port: certificates that come late, change while clients use them, or do not fit."""

import os
import signal
import socket
import threading
from itertools import pairwise

import grpc
import pytest

from tests.bpf.agent import wait_until
from tests.server.certificates import Authority
from tests.server.replayed import ReplayedAgent, exec_event


class Files:
    """The files that the agent's options name."""

    def __init__(self, folder):
        self.folder = folder
        self.key, self.certificate = folder / "tls.key", folder / "tls.crt"

    def put(self, issued):
        for path, content in zip((self.key, self.certificate), issued, strict=True):
            aside = path.with_suffix(".new")
            aside.write_bytes(content)
            aside.rename(path)

    @property
    def options(self):
        return (
            "--server-tls-key-file",
            str(self.key),
            "--server-tls-cert-file",
            str(self.certificate),
        )


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path)


def version(port, authority, client=(None, None)):
    """Ask over a new connection; return the status code."""
    credentials = grpc.ssl_channel_credentials(authority.pem, *client)
    options = [("grpc.use_local_subchannel_pool", 1)]
    with grpc.secure_channel(f"localhost:{port}", credentials, options) as channel:
        try:
            channel.unary_unary("/tetragon.FineGuidanceSensors/GetVersion")(b"", timeout=10)
        except grpc.RpcError as error:
            return error.code()
    return grpc.StatusCode.OK


def test_the_agent_may_start_before_its_certificate_is_there(tmp_path, files, port):
    authority = Authority("one")
    with ReplayedAgent(tmp_path, *files.options, address=f"0.0.0.0:{port}") as agent:
        assert f"gRPC is not served on 0.0.0.0:{port} yet" in agent.log()
        files.put(authority.issue("agent"))
        wait_until(lambda: "with TLS" in agent.log(), what="the port")
        assert version(port, authority) is grpc.StatusCode.OK
        assert version(port, Authority("other")) is grpc.StatusCode.UNAVAILABLE
        with grpc.insecure_channel(f"localhost:{port}") as channel, pytest.raises(grpc.RpcError):
            channel.unary_unary("/tetragon.FineGuidanceSensors/GetVersion")(b"", timeout=5)


def test_clients_need_certificates_where_they_are_asked_for(tmp_path, files, port):
    authority, clients = Authority("one"), Authority("clients")
    files.put(authority.issue("agent"))
    (tmp_path / "ca.crt").write_bytes(clients.pem)
    options = (
        *files.options,
        *("--server-tls-client-ca-files", str(tmp_path / "ca.crt")),
        "--server-tls-require-client-cert",
    )
    with ReplayedAgent(tmp_path, *options, address=f"localhost:{port}") as agent:
        wait_until(lambda: "with TLS" in agent.log(), what="the port")
        assert version(port, authority, clients.issue("someone")) is grpc.StatusCode.OK
        assert version(port, authority) is grpc.StatusCode.UNAVAILABLE
        assert version(port, authority, authority.issue("x")) is grpc.StatusCode.UNAVAILABLE


def test_certificates_change_under_load(tmp_path, files, port, generated):
    authorities = [Authority(str(number)) for number in range(4)]
    files.put(authorities[0].issue("agent"))
    with ReplayedAgent(tmp_path, *files.options, address=f"localhost:{port}") as agent:
        wait_until(lambda: "with TLS" in agent.log(), what="the port")
        credentials = grpc.ssl_channel_credentials(authorities[0].pem)
        with grpc.secure_channel(f"localhost:{port}", credentials) as channel:
            stub = generated.sensors_grpc.FineGuidanceSensorsStub(channel)
            stream = stub.GetEvents(generated.events.GetEventsRequest())
            stream.initial_metadata()
            received = []
            reader = threading.Thread(
                target=lambda: received.extend(e.process_exec.process.pid.value for e in stream)
            )
            reader.start()
            sent = 0
            for before, authority in pairwise(authorities):
                agent.feed(*map(exec_event, range(sent + 1, sent + 501)))
                sent += 500
                files.put(authority.issue("agent"))
                assert version(port, authority) is grpc.StatusCode.OK
                assert version(port, before) is grpc.StatusCode.UNAVAILABLE
            # A key that does not fit is not taken.
            files.key.write_bytes(authorities[0].issue("agent")[0])
            assert version(port, authorities[-1]) is grpc.StatusCode.OK
            assert "new certificates are not used" in agent.log()
            agent.feed(*map(exec_event, range(sent + 1, sent + 501)))
            sent += 500
            assert agent.end() == 0
            reader.join(30)
    assert received == list(range(1, sent + 1))


def test_the_log_level_is_that_of_the_process_that_speaks_grpc_too(
    tmp_path, files, port, generated
):
    authority = Authority("one")
    files.put(authority.issue("agent"))
    sensors = generated.sensors
    with ReplayedAgent(tmp_path, *files.options, address=f"localhost:{port}") as agent:
        wait_until(lambda: "with TLS" in agent.log(), what="the port")

        def set_level(level):
            with grpc.insecure_channel(f"unix:{agent.run_dir}/tetragon.sock") as channel:
                stub = generated.sensors_grpc.FineGuidanceSensorsStub(channel)
                stub.SetDebug(sensors.SetDebugRequest(level=level), timeout=10)

        def renewals_logged():
            files.put(authority.issue("agent"))
            assert version(port, authority) is grpc.StatusCode.OK
            return agent.log().count("were read anew")

        assert renewals_logged() == 1
        set_level(sensors.LOG_LEVEL_ERROR)
        assert renewals_logged() == 1
        first = agent.gateway()
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: agent.gateway() not in {None, first}, 30, "another gateway")
        wait_until(lambda: version(port, authority) is grpc.StatusCode.OK, 30, "the port")
        assert agent.log().count("with TLS") == 1
        set_level(sensors.LOG_LEVEL_INFO)
        assert renewals_logged() == 2
