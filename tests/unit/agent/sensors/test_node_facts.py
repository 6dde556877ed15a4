"""Which kinds of program a kernel's features allow."""

import pytest

from osmia_agent.sensors.node_facts import available_kinds
from osmia_bpf.programs import ProgramKind


@pytest.mark.parametrize(
    ("features", "kinds"),
    [
        ([], set()),
        (["a feature that no kind needs"], set()),
        (["kprobes"], {ProgramKind.KPROBE, ProgramKind.KRETPROBE}),
        (["uprobes"], {ProgramKind.UPROBE, ProgramKind.URETPROBE}),
        (["fentry", "lsm"], {ProgramKind.FENTRY, ProgramKind.LSM}),
    ],
)
def test_kinds_follow_from_features(features, kinds):
    # Tail calls are nothing that a kernel might lack.
    assert set(available_kinds(features)) == kinds | {ProgramKind.TAIL_CALL}


def test_the_order_of_features_makes_no_difference():
    features = ["fexit", "lsm", "kprobes", "raw tracepoints"]
    assert available_kinds(features) == available_kinds(features[::-1])
