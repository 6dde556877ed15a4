import socket
import stat
from pathlib import Path

import pytest

from osmia_agent.gateway.unix_socket import UnixSocket


def test_it_appears_with_its_permissions_and_goes(tmp_path: Path) -> None:
    path = tmp_path / "run" / "s"
    with UnixSocket(path) as place, socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(place.unfinished))
        listening.listen()
        assert not path.exists()
        place.publish()
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        with pytest.raises(OSError, match="another process listens there"):
            UnixSocket(path)
        assert [each.name for each in path.parent.iterdir()] == ["s"]
    assert not list(path.parent.iterdir())


def test_what_a_dead_process_left_is_replaced_and_the_socket_of_another_stays(
    tmp_path: Path,
) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    place = UnixSocket(path)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(place.unfinished))
        place.publish()
        path.unlink()
        path.touch()
        place.remove()
        assert path.exists()


def test_a_path_too_long_for_a_socket_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 60) / ("y" * 60)
    with pytest.raises(OSError, match="too long for a Unix socket"):
        UnixSocket(path)
    assert not list(path.parent.iterdir())
