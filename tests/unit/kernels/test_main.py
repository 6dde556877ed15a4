import pytest

from tests.kernels.__main__ import SELECTION, main, parsed, selected
from tests.kernels.guest import Cgroups
from tests.kernels.project import ROOT


def test_default_kernels_and_options():
    options, rest = parsed(["test"])
    assert [kernel.version for kernel in selected(options.kernels)] == ["6.1", "6.12"]
    assert options.cgroups is Cgroups.V2
    assert not options.kvm
    assert not options.icount
    assert rest == []


def test_all_kernels_and_what_goes_to_pytest():
    options, rest = parsed(["test", "all", "--cgroups", "hybrid", "--", "-k", "a", "--", "-x"])
    assert [kernel.version for kernel in selected(options.kernels)] == [
        "5.10",
        "6.1",
        "6.12",
        "7.2",
    ]
    assert options.cgroups is Cgroups.HYBRID
    assert rest == ["-k", "a", "--", "-x"]


def test_run_takes_one_kernel_and_any_command():
    options, rest = parsed(["run", "--icount", "6.12", "--", "perf", "stat", "--", "x"])
    assert (options.kernel, options.icount) == ("6.12", True)
    assert rest == ["perf", "stat", "--", "x"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["test", "9.9"], "invalid choice: '9.9'"),
        (["run", "--cgroups", "v3", "6.1", "--", "true"], "invalid Cgroups value: 'v3'"),
        (["run", "--kvm", "--icount", "6.1", "--", "true"], "not allowed with argument"),
        (["run", "6.1"], "no command"),
    ],
)
def test_what_makes_no_sense_is_named(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("OSMIA_VM_DIR", str(tmp_path))
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_the_selection_is_of_tests_that_there_are():
    assert parsed(["test", "--whole"])[0].whole
    assert [name for name in SELECTION if not (ROOT / name).is_file()] == []
