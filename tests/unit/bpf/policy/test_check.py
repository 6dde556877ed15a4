from dataclasses import replace

from osmia_bpf.policy.check import check
from tests.unit.bpf.policy.small_kernel import small_facts

HEAD = "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {name: mine}\nspec:\n"
GOOD = """\
  kprobes:
  - call: sys_lseek
    return: true
    returnArg: {index: 0, type: int}
    args: [{index: 0, type: int}]
    selectors:
    - matchArgs: [{index: 0, operator: Equal, values: ["7", "8"]}]
      matchActions: [{action: Post, rateLimit: 1m}]
"""


def test_what_would_be_attached(tmp_path):
    report = check(HEAD + GOOD, small_facts(tmp_path))
    assert report.ok
    assert report.name == "mine"
    assert [(each.place, each.kind, each.targets) for each in report.attachments] == [
        ("spec.kprobes[0]", "fentry", ("__x64_sys_lseek",)),
        ("spec.kprobes[0]", "fexit", ("__x64_sys_lseek",)),
    ]
    assert "int hook_0(u64 *ctx)" in report.source


def test_in_words(tmp_path):
    (text,) = check(HEAD + GOOD, small_facts(tmp_path)).explanation
    assert "watches a call of the kernel function __x64_sys_lseek" in text
    assert (
        "If argument 0 is 7 or 8, it reports the call, the same one once in 60 s per thread" in text
    )
    assert "Warning" not in text


def test_errors_name_line_and_place(tmp_path):
    policy = (
        "  kprobes:\n"
        "  - call: sys_lseek\n"
        "  - call: sys_nothing\n"
        "  - call: sys_none\n"
        "    ignore: {callNotFound: true}\n"
    )
    report = check(HEAD + policy, small_facts(tmp_path))
    assert not report.ok
    assert [str(each) for each in report.problems] == [
        "line 7: spec.kprobes[1].call: this kernel has no function __x64_sys_nothing"
    ]
    assert report.ignored[0].line == 8
    assert len(report.attachments) == 1


def test_a_policy_of_no_sense(tmp_path):
    facts = small_facts(tmp_path)
    assert "line 5: spec.kprobes[0].cal" in str(
        check(HEAD + "  kprobes: [{cal: x}]", facts).problems[0]
    )
    policy = "  loader: true\n"
    assert str(check(HEAD + policy, facts).problems[0]).startswith("line 5: spec.loader: ")
    assert check("{", facts).problems


def test_a_list_that_is_wrong_is_not_told_to_be_missing(tmp_path):
    policy = """\
  lists: [{name: calls, type: syscalls, values: [sys_fly]}]
  kprobes: [{call: "list:calls"}]
"""
    report = check(HEAD + policy, small_facts(tmp_path))
    assert [str(replace(problem, line=None)) for problem in report.problems] == [
        "spec.lists[0].values[0]: 'sys_fly' is not a system call",
        "spec.kprobes[0].call: the list 'calls' cannot be used",
    ]


def test_places_of_uprobes_are_looked_for_below_the_root(tmp_path):
    policy = """\
  uprobes:
  - path: /none
    symbols: [one, two]
  - path: /script
    offsets: [0]
"""
    facts = small_facts(tmp_path, root=tmp_path)
    (tmp_path / "script").write_text("#!/bin/sh\n")
    report = check(HEAD + policy, facts)
    assert not report.ok
    assert not report.problems
    assert [str(each) for each in report.missing] == [
        f"line 6: spec.uprobes[0].path: there is no file {tmp_path}/none",
        f"line 9: spec.uprobes[1].offsets[0]: {tmp_path}/script is not an ELF file",
    ]
    assert not report.attachments
    unseen = check(HEAD + policy, replace(facts, root=None))
    assert unseen.ok
    assert [each.targets for each in unseen.attachments] == [
        ("/none:one",),
        ("/none:two",),
        ("/script:0x0",),
    ]
