from __future__ import annotations

import json

import pytest

from osmia_cli.connection.channel import find_target, methods
from osmia_cli.connection.settings import ConnectionSettings
from osmia_events import messages


def test_every_method_of_the_contract_is_known() -> None:
    known = methods()
    assert len(known) == 20
    assert known["GetEvents"].path == "/tetragon.FineGuidanceSensors/GetEvents"
    assert known["GetEvents"].response is messages.message_class("GetEventsResponse")
    assert known["SetEventLogParams"].path == "/tetragon.EventLogService/SetEventLogParams"


def service_config(retries: int) -> str:
    settings = ConnectionSettings(server_address="a:1", retries=retries)
    return dict(find_target(settings).options)["grpc.service_config"]


@pytest.mark.parametrize(("retries", "attempts"), [(1, 2), (4, 5), (100, 5)])
def test_retries(retries: int, attempts: int) -> None:
    (config,) = json.loads(service_config(retries))["methodConfig"]
    assert config["retryPolicy"]["maxAttempts"] == attempts


def test_no_retries() -> None:
    assert service_config(0) == service_config(-1) == "{}"
