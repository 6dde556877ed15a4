"""Hashes of files in events of LSM hooks, by the kernel's integrity measurement."""

import fcntl
import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from osmia_agent.sensors.policy_status import PolicyError
from osmia_bpf.btf import Btf

HASHES = Btf.read().enumerator("bpf_func_id", "BPF_FUNC_ima_file_hash") is not None
OWNER = 4242
OPEN = """
lsmhooks:
- hook: file_open
  args: [{{index: 0, type: file}}]
  selectors:
  - matchArgs: [{{index: 0, operator: Prefix, values: ["{folder}/"]}}]
    matchActions: [{actions}]
"""


def right(event, data):
    """Tell whether a hash is that of the data, by the algorithm that it names."""
    algorithm, _, digest = event.ima_hash.partition(":")
    return digest == hashlib.new(algorithm, data).hexdigest()


@pytest.fixture(scope="module")
def measured_owner():
    """The owner of files whose hashes the kernel keeps, by an IMA policy that can be set once."""
    policy = Path("/sys/kernel/security/ima/policy")
    try:
        policy.write_text(f"measure func=FILE_CHECK mask=MAY_READ fowner={OWNER}\n")
    except OSError as error:
        pytest.skip(f"no IMA policy can be set: {error.strerror}")
    return OWNER


@pytest.fixture
def hashing(needs):
    """Skip a test where the kernel hashes nothing for BPF programs: before Linux 5.18."""
    needs("lsm")
    if not HASHES:
        pytest.skip("this kernel has no bpf_ima_file_hash")


@pytest.mark.skipif(HASHES, reason="this kernel has bpf_ima_file_hash")
def test_a_kernel_that_does_not_hash_says_so(node, needs, tmp_path):
    needs("lsm")
    spec = OPEN.format(folder=tmp_path, actions="{action: Post, imaHash: true}")
    with pytest.raises(PolicyError, match=r"Linux 5\.18 and later do"):
        node.sensor.add(node.text(spec, "none"))


@pytest.mark.usefixtures("hashing")
def test_files_that_are_opened(node, tmp_path, measured_owner):
    """At that moment the kernel cannot read the file yet, and has what it knows of it."""
    contents = {name: name.encode() * 10_000 for name in ("one", "two", "three")}
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)
        os.chown(tmp_path / name, measured_owner, -1)
        (tmp_path / name).read_bytes()
    (tmp_path / "unknown").write_bytes(b"x")
    node.add(OPEN.format(folder=tmp_path, actions="{action: Post, imaHash: true}"))
    for name in (*contents, "unknown"):
        (tmp_path / name).read_bytes()
    *events, unknown = node.own()
    assert [event.args[0].value.path for event in events] == [str(tmp_path / n) for n in contents]
    for event, data in zip(events, contents.values(), strict=True):
        assert right(event, data)
    assert unknown.ima_hash == ""


@pytest.mark.usefixtures("hashing")
def test_files_that_are_locked(node, tmp_path):
    """An open file is read for its hash."""
    node.add(
        OPEN.format(folder=tmp_path, actions="{action: Post, imaHash: true}").replace(
            "file_open", "file_lock"
        )
    )
    data = b"content" * 10_000
    (tmp_path / "file").write_bytes(data)
    for changed in (data, data + b"!"):
        (tmp_path / "file").write_bytes(changed)
        with (tmp_path / "file").open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
        (event,) = node.own()
        assert right(event, changed)


def test_only_where_it_is_asked_for(node, needs, tmp_path):
    needs("lsm")
    node.add(OPEN.format(folder=tmp_path, actions="{action: Post}"))
    (tmp_path / "file").write_bytes(b"x")
    (event,) = node.own()
    assert event.ima_hash == ""


@pytest.mark.usefixtures("hashing")
def test_a_call_that_is_denied_is_told_without_a_hash(node, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("x")
    actions = "{action: Override, argError: -1}, {action: Post, imaHash: true}"
    node.add(OPEN.format(folder=tmp_path, actions=actions))
    with pytest.raises(PermissionError):
        secret.read_text()
    (event,) = node.own()
    assert event.ima_hash == ""
    assert node.sink.counters.lonely_entries == 0


@pytest.mark.usefixtures("hashing")
def test_a_binary_that_is_about_to_run(node):
    program = os.path.realpath("/bin/true")
    node.add(
        f"""
        lsmhooks:
        - hook: bprm_check_security
          args: [{{index: 0, type: linux_binprm}}]
          selectors:
          - matchArgs: [{{index: 0, operator: Equal, values: ["{program}"]}}]
            matchActions: [{{action: Post, imaHash: true}}]
        """
    )
    subprocess.run([program], check=True)
    (event,) = node.events()
    assert right(event, Path(program).read_bytes())


def test_hooks_without_a_file_are_refused(node, needs):
    needs("lsm")
    selectors = "[{matchActions: [{action: Post, imaHash: true}]}]"
    spec = f"lsmhooks: [{{hook: path_mkdir, selectors: {selectors}}}]"
    with pytest.raises(PolicyError, match="path_mkdir has no file to hash"):
        node.sensor.add(node.text(spec, "none"))
