import pytest

from tests.kernels.machine import Outcome
from tests.kernels.report import (
    Counts,
    KernelReport,
    judged,
    junit_counts,
    kernel_complaints,
    table,
)

JUNIT = """<?xml version="1.0" encoding="utf-8"?>
<testsuites>
<testsuite name="pytest" errors="1" failures="2" skipped="3" tests="16" time="9.1"/>
<testsuite name="other" errors="0" failures="0" skipped="0" tests="4" time="1"/>
</testsuites>"""
DMESG = """\
[    0.000000] Linux version 6.1
[    3.100000] audit: initializing
[   12.345678] WARNING: CPU: 1 PID: 20 at kernel/bpf/core.c:1 bpf_prog_free+0x1/0x2
[   13.000000] BUG: scheduling while atomic: python/20/0x00000002
"""


def test_counts_of_all_suites():
    assert junit_counts(JUNIT) == Counts(passed=14, failed=3, skipped=3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not XML"),
        ("<testsuite tests='1'", "not XML"),
        ("<html/>", "no testsuite in <html>"),
        ("<testsuite tests='many'/>", "many"),
    ],
)
def test_what_is_no_report_is_an_error(text, message):
    with pytest.raises(ValueError, match=message):
        junit_counts(text)


def test_complaints_of_the_kernel():
    complaints = kernel_complaints(DMESG)
    assert [line.split(":")[0] for line in complaints] == ["WARNING", "BUG"]
    assert kernel_complaints("[    1.0] bpf: fine\n") == []


@pytest.mark.parametrize(
    ("counts", "trouble", "good"),
    [
        (Counts(passed=3, skipped=1), "", True),
        (Counts(passed=3, failed=1), "", False),
        (Counts(passed=3), "WARNING: at core.c", False),
        (Counts(skipped=9), "", False),
        (Counts(), "", False),
        (None, "the guest did not finish", False),
    ],
)
def test_verdict(counts, trouble, good):
    assert KernelReport("6.1", 10, counts, trouble).good is good


@pytest.mark.parametrize(
    ("outcome", "files", "counts", "trouble"),
    [
        (Outcome(0, 9), {"dmesg": "", "junit.xml": JUNIT}, Counts(14, 3, 3), ""),
        (Outcome(1, 9), {"dmesg": "", "junit.xml": JUNIT}, Counts(14, 3, 3), ""),
        (Outcome(1, 9), {"dmesg": DMESG, "junit.xml": JUNIT}, Counts(14, 3, 3), "WARNING: CPU"),
        (Outcome(124, 9), {"dmesg": "", "junit.xml": JUNIT}, Counts(14, 3, 3), "status 124"),
        (Outcome(4, 9), {"dmesg": ""}, None, "no test report"),
        (Outcome(0, 9), {"dmesg": "", "junit.xml": "<"}, None, "no test report: not XML"),
        (Outcome(None, 9, "it hung"), {}, None, "it hung"),
    ],
)
def test_judgement_of_what_a_guest_left(outcome, files, counts, trouble, tmp_path):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    row = judged("6.1", outcome, tmp_path)
    assert (row.version, row.seconds, row.counts) == ("6.1", 9, counts)
    assert trouble in row.trouble
    assert bool(trouble) is bool(row.trouble)


def test_table():
    text = table(
        [
            KernelReport("5.10", 61.7, Counts(70, 0, 2)),
            KernelReport("6.12", 1800, None, "the guest did not finish: killed"),
        ]
    )
    assert text.splitlines() == [
        "kernel    passed  failed skipped  seconds",
        "5.10          70       0       2       62  ok",
        "6.12           -       -       -     1800  FAILED",
        "6.12: the guest did not finish: killed",
    ]
