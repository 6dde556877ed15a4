import pytest

from tests.kernels.commands import SetupError, run


def test_output_of_a_command(tmp_path):
    assert run("pwd", folder=tmp_path) == f"{tmp_path}\n"


def test_failure_names_command_status_and_what_it_said():
    with pytest.raises(SetupError, match=r"exit status 3 of: sh -c 'echo no >&2; exit 3'\nno"):
        run("sh", "-c", "echo no >&2; exit 3")


def test_missing_command_is_named():
    with pytest.raises(SetupError, match="no-such-tool is not installed"):
        run("no-such-tool")
