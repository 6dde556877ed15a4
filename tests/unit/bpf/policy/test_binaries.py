"""The places of a policy's uprobes, looked up in files."""

import hashlib
from pathlib import Path

import pytest

from osmia_api.tracing_policy import TracingPolicySpec
from osmia_bpf.policy.binaries import look_up
from osmia_bpf.policy.plan import plan
from osmia_bpf.policy.problems import HookError
from tests.unit.bpf.policy.small_kernel import small_facts

PYTHON = "/usr/bin/python3.11"


def looked_up(folder, at=0, **hook):
    spec = TracingPolicySpec.model_validate({"uprobes": [{"path": PYTHON, **hook}]})
    planned = plan(spec, small_facts(folder))
    look_up(planned.hooks[at].hook, spec.uprobes[0], at, Path("/"))


def test_what_is_there(tmp_path):
    digest = hashlib.sha256(Path(PYTHON).read_bytes()).hexdigest()
    looked_up(tmp_path, symbols=["Py_Main"], binaryDigests=[f"sha256:{digest}"])


@pytest.mark.parametrize(
    ("hook", "part", "message"),
    [
        ({"path": "/no/such", "symbols": ["x"]}, ("path",), "there is no file /no/such"),
        ({"path": "/usr", "symbols": ["x"]}, ("path",), "there is no file /usr"),
        ({"symbols": ["Py_Main", "x"]}, ("symbols", 1), f"{PYTHON} has no symbol x"),
        ({"addrs": [1, 2]}, ("addrs", 1), f"{PYTHON} has nothing at the address 0x2"),
        ({"offsets": [1, 0]}, ("offsets", 1), f"0x0 of {PYTHON} is not code"),
        (
            {"symbols": ["x", "y"], "binaryDigests": ["build-id:00"]},
            ("binaryDigests",),
            f"{PYTHON} has none of the digests build-id:00",
        ),
        (
            {
                "symbols": ["Py_Main", "y"],
                "binaryDigests": ["build-id:00"],
                "ignore": {"digestVerificationFailure": True},
            },
            ("symbols", 1),
            f"{PYTHON} has no symbol y",
        ),
    ],
)
def test_what_is_not_there(tmp_path, hook, part, message):
    at = 1 if part[-1] == 1 else 0
    with pytest.raises(HookError) as raised:
        looked_up(tmp_path, at, **hook)
    assert raised.value.path == ("spec", "uprobes", 0, *part)
    assert message in raised.value.message
