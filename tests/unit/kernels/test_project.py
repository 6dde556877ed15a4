import pytest

from tests.kernels.commands import SetupError
from tests.kernels.project import GUEST_INTERPRETER, check_interpreter, write_project


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "project"
    for path in ("agent/a.py", ".git/config", "agent/__pycache__/old.pyc", "build/x", "README.md"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("")
    (root / ".venv/bin").mkdir(parents=True)
    (root / ".venv/bin/python").symlink_to(GUEST_INTERPRETER)
    return root


def test_disk_holds_tree_environment_and_new_bytecode(root, tmp_path, debugfs):
    image = tmp_path / "image"
    write_project(image, root)
    names = {line.split("/")[5] for line in debugfs(image, "ls -p /").split()}
    assert {"agent", ".venv", "README.md"} <= names
    assert not names & {".git", "build"}
    assert "a.cpython" in debugfs(image, "ls -p /agent/__pycache__")
    assert "old.pyc" not in debugfs(image, "ls -p /agent/__pycache__")
    assert "python" in debugfs(image, "ls -p /.venv/bin")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["image", "project"]


def test_environment_of_another_interpreter_is_refused(root, tmp_path):
    python = root / ".venv/bin/python"
    python.unlink()
    other = tmp_path / "python3.14"
    other.touch()
    python.symlink_to(other)
    with pytest.raises(SetupError, match=r"python3\.14, and the guest has /usr/bin/python3\.11"):
        check_interpreter(root)


def test_environment_of_debians_interpreter_is_accepted(root):
    if not GUEST_INTERPRETER.exists():
        pytest.skip("this is not Debian 12")
    check_interpreter(root)
