"""Which capability is missing, said in one line."""

import pytest

from osmia_agent.kernel.privileges import effective_capabilities, missing

BPF, PERFMON, SYS_ADMIN, SYS_PTRACE = (1 << bit for bit in (39, 38, 21, 19))


@pytest.mark.parametrize(
    ("capabilities", "release", "names"),
    [
        (0, "6.1.0", ["CAP_BPF", "CAP_PERFMON", "CAP_SYS_PTRACE"]),
        (BPF | PERFMON | SYS_PTRACE, "6.1.0", []),
        (SYS_ADMIN | SYS_PTRACE, "6.1.0", []),
        (BPF | PERFMON | SYS_PTRACE, "5.4.0", ["CAP_SYS_ADMIN"]),
        (SYS_ADMIN, "5.4.0", ["CAP_SYS_PTRACE"]),
        (BPF | SYS_PTRACE, "5.8.0", ["CAP_PERFMON"]),
    ],
)
def test_missing(capabilities, release, names):
    assert [requirement.name for requirement in missing(capabilities, release)] == names


def test_effective_capabilities(tmp_path):
    status = tmp_path / "status"
    status.write_text("Name:\tx\nCapPrm:\t0\nCapEff:\t000001fffeffffff\n")
    assert effective_capabilities(status) == 0x1FFFEFFFFFF
    status.write_text("Name:\tx\n")
    with pytest.raises(ValueError, match="no line CapEff"):
        effective_capabilities(status)
