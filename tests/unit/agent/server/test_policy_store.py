from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from osmia_agent.sensors.policy_status import PolicyError, PolicyKey
from osmia_agent.server.policy_store import PolicyStore

if TYPE_CHECKING:
    from pathlib import Path

KEY = PolicyKey("name", "namespace", "grpc")


class Kept:
    """Policies that know of nothing but the calls."""

    def __init__(self, bad: str = "") -> None:
        self.calls: list[Any] = []
        self._bad = bad

    def add(self, text: str, domain: str, *, mode: Any = None) -> PolicyKey:
        if text == self._bad:
            raise PolicyError("bad")
        self.calls.append(("add", text, domain, mode))
        return PolicyKey(text, "", domain)

    def disable(self, key: PolicyKey) -> None:
        self.calls.append(("disable", key.name))

    def remove(self, key: PolicyKey) -> None:
        self.calls.append(("remove", key.name))


def restored(directory: Path, policies: Kept) -> list[Any]:
    PolicyStore(directory).restore(policies)  # type: ignore[arg-type] # has what is called
    return policies.calls


def test_policies_come_back_with_their_state(tmp_path: Path) -> None:
    store = PolicyStore(tmp_path / "kept")
    store.put(KEY, "a")
    store.change(KEY, enabled=False)
    store.change(KEY, mode="monitor")
    store.change(KEY._replace(name="other"), enabled=False)  # is not kept
    store.put(KEY._replace(name="gone"), "b")
    store.drop(KEY._replace(name="gone"))
    store.drop(KEY._replace(name="gone"))
    assert restored(tmp_path / "kept", Kept()) == [
        ("add", "a", "grpc", "monitor"),
        ("disable", "a"),
    ]


def test_only_the_owner_reads_them(tmp_path: Path) -> None:
    PolicyStore(tmp_path / "kept").put(KEY, "a")
    (path,) = (tmp_path / "kept").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_file_that_was_being_written_when_the_agent_ended_harms_none(tmp_path: Path) -> None:
    store = PolicyStore(tmp_path)
    store.put(KEY, "a")
    (tmp_path / ".name:namespace:grpc.json").write_text('{"yaml": "a", "ena')
    assert restored(tmp_path, Kept()) == [("add", "a", "grpc", None)]
    store.change(KEY, mode="monitor")
    assert restored(tmp_path, Kept()) == [("add", "a", "grpc", "monitor")]


def test_a_domain_may_be_any_text(tmp_path: Path) -> None:
    PolicyStore(tmp_path).put(KEY._replace(domain="a:b.c"), "a")
    assert restored(tmp_path, Kept()) == [("add", "a", "a:b.c", None)]


def test_all_or_none(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = PolicyStore(tmp_path)
    for name in ("a", "b", "c"):
        store.put(KEY._replace(name=name), name)
    calls = restored(tmp_path, Kept(bad="b"))
    assert calls == [("add", "a", "grpc", None), ("remove", "a")]
    assert "not restored" in caplog.text
    assert "b:namespace:grpc.json" in caplog.text


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"yaml": "a"}', '{"yaml": "a", "enabled"'])
def test_files_that_make_no_sense_end_nothing(tmp_path: Path, content: str) -> None:
    PolicyStore(tmp_path).put(KEY, "a")
    next(tmp_path.glob("*.json")).write_text(content)
    assert [call[0] for call in restored(tmp_path, Kept())] in ([], ["add", "remove"])


def test_a_name_that_is_no_name_of_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="cannot be the name of a file"):
        PolicyStore(tmp_path).put(KEY._replace(name="../x"), "a")
    assert not list(tmp_path.iterdir())
