from __future__ import annotations

from google.protobuf import struct_pb2, wrappers_pb2

from osmia_agent.server.info import info
from osmia_agent.settings import Settings
from osmia_agent.settings.flags import options

KINDS = (
    wrappers_pb2.BoolValue,
    wrappers_pb2.Int64Value,
    wrappers_pb2.StringValue,
    struct_pb2.ListValue,
)


def test_every_option_is_told_in_the_contracts_kinds() -> None:
    response = info("1.2", Settings(), [("btf", True), ("lsm", False)])
    assert (response.version, response.name) == ("1.2", "osmia")
    assert [(each.Name, each.Enabled.value) for each in response.probes] == [
        ("btf", True),
        ("lsm", False),
    ]
    assert all(each.HasField("Enabled") for each in response.probes)
    assert [each.key for each in response.conf] == [each.name for each in options()]
    for each in response.conf:
        assert sum(each.value.Is(kind.DESCRIPTOR) for kind in KINDS) == 1
    assert response.HasField("build")
