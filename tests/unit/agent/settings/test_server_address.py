import pytest

from osmia_agent.settings.server_address import TcpAddress, UnixAddress, parse_server_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("localhost:54321", TcpAddress("localhost", 54321)),
        ("localhost", TcpAddress("localhost", 54321)),
        ("10.1.2.3", TcpAddress("10.1.2.3", 54321)),
        (":7", TcpAddress("", 7)),
        ("[::1]:7", TcpAddress("::1", 7)),
        ("[::1]", TcpAddress("::1", 54321)),
        ("unix:///run/a.sock", UnixAddress("/run/a.sock")),
        ("unix:/run/a.sock", UnixAddress("/run/a.sock")),
    ],
)
def test_addresses_are_read(text, address):
    assert parse_server_address(text) == address
    assert parse_server_address(str(address)) == address


@pytest.mark.parametrize(
    "text", ["unix://run/a.sock", "unix:", "::1", "a b:1", "host:port", "host:65536", "http://a:1"]
)
def test_what_is_no_address_is_refused_with_what_would_be_right(text):
    with pytest.raises(ValueError, match=r"localhost:54321|absolute path") as error:
        parse_server_address(text)
    assert text in str(error.value)


def test_loopback_is_what_only_this_machine_reaches():
    loopback = ["localhost", "127.0.0.1", "127.8.9.1", "[::1]"]
    others = ["", "0.0.0.0", "10.0.0.1", "[::]", "[fe80::1]", "localhost.example.org"]
    assert all(parse_server_address(f"{host}:1").is_loopback for host in loopback)
    assert not any(parse_server_address(f"{host}:1").is_loopback for host in others)
