"""Hashes of files: which hooks have them, and what a policy's C is without and with one."""

import pytest

from osmia_bpf.btf import Btf
from osmia_bpf.policy.check import check
from osmia_bpf.policy.facts import KernelFacts
from osmia_bpf.policy.ima_source import HOOKS
from osmia_bpf.programs import ProgramKind

POLICY = """
apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata: {{name: hashes}}
spec:
  {section}:
  - {hook}
    args: [{{index: 0, type: {type}}}]
    selectors: [{{matchActions: [{{action: {action}, imaHash: {hash}}}]}}]
"""


@pytest.fixture(scope="module")
def facts():
    return KernelFacts(
        btf=Btf.read(),
        machine="x86_64",
        kinds=frozenset(ProgramKind),
        host_namespaces={"Pid": 1, "User": 2},
    )


def checked(facts, hook, *, section="lsmhooks", type_="file", action="Post", hash_="true"):
    text = POLICY.format(section=section, hook=hook, type=type_, action=action, hash=hash_)
    return check(text, facts)


@pytest.mark.parametrize("hook", ["file_open", "file_lock", "bprm_check_security"])
def test_hooks_with_a_file_have_one_more_program(facts, hook):
    assert hook in HOOKS
    type_ = "linux_binprm" if hook.startswith("bprm") else "file"
    report = checked(facts, f"hook: {hook}", type_=type_)
    assert report.problems == ()
    assert "long hook_0_hash(u64 *ctx)" in report.source
    assert "hook_0_hash" not in checked(facts, f"hook: {hook}", type_=type_, hash_="false").source


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hook": "hook: path_mkdir", "type_": "path"}, "imaHash: path_mkdir has no file to hash"),
        ({"hook": "hook: file_open", "action": "NoPost"}, "are for the action Post only"),
        (
            {"hook": "call: security_file_open", "section": "kprobes"},
            "matchActions[0].imaHash: is for lsmhooks, not for kprobes",
        ),
    ],
)
def test_elsewhere_it_is_refused_with_the_place(facts, options, message):
    (problem,) = checked(facts, **options).problems
    assert message in str(problem)
