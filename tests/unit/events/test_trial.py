from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from osmia_events.config import parse_pipeline
from osmia_events.model import (
    EnvVar,
    Event,
    KprobeArgument,
    Pod,
    Process,
    ProcessExec,
    ProcessExit,
    ProcessKprobe,
)
from osmia_events.pipeline import Pipeline
from osmia_events.trial import Sample, Trial
from tests.strategies import events

SECOND_NS = 1_000_000_000


def run(namespace: str, arguments: str = "", at_s: int = 0) -> Event:
    process = Process(binary="/bin/x", arguments=arguments, pod=Pod(namespace=namespace))
    return Event(body=ProcessExec(process), time=at_s * SECOND_NS)


def test_survivors_are_the_lines_that_the_pipeline_exports() -> None:
    config = parse_pipeline({"allowList": {"namespace": "a"}})
    trial = Trial(config)
    recorded = [run("a"), run("b"), Event()]
    assert list(trial.survivors(recorded)) == [Pipeline(config).feed(run("a"))]
    assert (trial.counters.exported, trial.counters.filtered) == (1, 2)


def test_each_filter_is_told_what_it_did() -> None:
    config = parse_pipeline(
        {
            "allowList": [{"namespace": ["a", "b"]}, {"namespace": "b"}],
            "denyList": [{"namespace": ["b", "c"]}, {"event_set": "PROCESS_EXIT"}],
            "redactionFilters": [{"redact": r"token=(\S+)"}, {"redact": r"pw=(\S+)"}],
        }
    )
    trial = Trial(config)
    trial.tally([run("a", "token=x"), run("b", "token=x pw=y"), run("c"), run("a")])
    assert [(each.kind, each.events) for each in trial.tallies] == [
        ("redact", 2),
        ("redact", 1),
        ("allow", 3),
        ("allow", 1),
        ("deny", 1),
        ("deny", 0),
    ]
    assert json.loads(trial.deny[1].config) == {"event_set": ["PROCESS_EXIT"]}
    assert (trial.counters.read, trial.counters.exported, trial.counters.filtered) == (4, 2, 2)


def test_without_allow_list_deny_filters_act_on_everything() -> None:
    trial = Trial(parse_pipeline({"denyList": {"namespace": "c"}}))
    trial.tally([run("c"), run("a")])
    assert [each.events for each in trial.tallies] == [1]


def test_samples_mark_the_place_and_never_show_a_secret() -> None:
    config = parse_pipeline(
        {"redactionFilters": [{"redact": r"token=(\S+)"}, {"redact": r"pw=(\S+)"}]}
    )
    trial = Trial(config)
    body = ProcessKprobe(
        process=Process(
            binary="/bin/x",
            arguments="x" * 100 + " token=geheim pw=geheim " + "y" * 100,
            environment_variables=(EnvVar("A", "b"), EnvVar("token", "geheim")),
        ),
        parent=Process(binary="/bin/p", arguments="pw=geheim"),
        args=(KprobeArgument("int_arg", 1), KprobeArgument("string_arg", "pw=geheim")),
    )
    trial.tally([Event(body=body)])
    first, second = trial.redaction
    cut = "..." + "x" * 33 + " token=***** pw=***** " + "y" * 30 + "..."
    assert first.samples[0] == Sample("process.arguments", "/bin/x", cut)
    assert first.samples[1].path == "process.environment_variables[1]"
    assert first.samples[1].text == "token=*****"
    assert Sample("parent.arguments", "/bin/p", "pw=*****") in second.samples
    assert Sample("args[1]", "/bin/x", "pw=*****") in second.samples
    assert "geheim" not in repr(trial.tallies)


def test_samples_are_few() -> None:
    trial = Trial(parse_pipeline({"redactionFilters": {"redact": "(.)"}}))
    trial.tally(run("a", str(number)) for number in range(20))
    assert trial.redaction[0].events == 20
    assert len(trial.redaction[0].samples) == 3


def test_the_rate_limit_goes_by_the_time_of_events() -> None:
    trial = Trial(parse_pipeline({"rateLimit": 1}))
    recorded = [run("a", at_s=at) for at in (0, 1, 2, 60, 61, 200)]
    assert len(list(trial.survivors(recorded))) == 3
    assert trial.counters.rate_limited == 3


def test_a_dry_run_gives_no_lines_but_counts() -> None:
    trial = Trial(parse_pipeline({"mode": "DryRun"}))
    assert list(trial.survivors([run("a"), Event(body=ProcessExit())])) == []
    assert trial.counters.exported == 2


@given(st.lists(events(), max_size=3))
def test_tallies_agree_with_the_pipeline(recorded: list[Event]) -> None:
    config = parse_pipeline(
        {
            "allowList": [{"event_set": ["PROCESS_EXEC", "PROCESS_EXIT", "PROCESS_KPROBE"]}],
            "denyList": [{"health_check": True}, {"event_set": "PROCESS_EXIT"}],
            "redactionFilters": {"redact": "([a-z])"},
        }
    )
    trial, alone = Trial(config), Pipeline(config)
    trial.tally(recorded)
    alone.export(recorded, lambda _line: None)
    assert trial.counters == alone.counters
    assert trial.allow[0].events >= trial.counters.exported
    assert trial.redaction[0].events >= trial.counters.redacted
