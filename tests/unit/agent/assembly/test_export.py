"""What the options make of the pipeline `default` and its sink."""

from __future__ import annotations

import json

import pytest

from osmia_agent.assembly.export import features, file_writer, pipelines, redaction_floor
from osmia_agent.settings import load_settings
from osmia_events.config_errors import ConfigError
from osmia_events.model import Event, Process, ProcessExec, ProcessExit

REDACTION = '{"redact": ["secret=(\\\\w+)"]}'


def described(*options):
    loaded = load_settings(options, {})
    return pipelines(loaded.settings, loaded.sources)


@pytest.mark.parametrize(
    "options", [(), ("--export-filename", "x", "--export-rate-limit", "0")], ids=["file", "rate"]
)
def test_without_a_file_or_a_rate_there_is_no_pipeline(options):
    assert described(*options).pipelines == ()


def test_filters_and_redaction_of_the_options():
    options = (
        *("--export-filename", "x", "--redaction-filters", REDACTION),
        *("--export-allowlist", '{"binary_regex": ["^/bin/"]}'),
        *("--export-denylist", '{"event_set": ["PROCESS_EXIT"]}'),
        *("--field-filters", '{"fields": "process.binary,process.arguments"}'),
    )
    (pipeline,) = described(*options).pipelines
    assert pipeline.name == "default"
    process = Process(binary="/bin/x", arguments="secret=a", exec_id="id")

    def passed(body):
        line = pipeline.feed(Event(body=body))
        return line and json.loads(line)

    assert passed(ProcessExit(process=process)) is None
    assert passed(ProcessExec(process=Process(binary="/usr/bin/x"))) is None
    shown = passed(ProcessExec(process=process))["process_exec"]["process"]
    assert shown == {"binary": "/bin/x", "arguments": "secret=*****"}


def test_filters_that_are_wrong_are_told_with_their_option_even_if_nothing_is_exported():
    for option in ("export-allowlist", "export-denylist", "field-filters", "redaction-filters"):
        with pytest.raises(ConfigError, match=option):
            described(f"--{option}", '{"binary_rege": ["x"]}')


def test_what_events_carry_is_known_to_filters():
    options = ("--enable-process-cred", "--enable-ancestors", "base,kprobe")
    have = features(load_settings(options, {}).settings)
    assert have.process_cred
    assert have.ancestors == {"base", "kprobe"}
    # A recording may carry anything.
    assert features(load_settings(("--replay", "x"), {}).settings).process_cred


def test_the_floor_is_that_of_the_options():
    loaded = load_settings(("--redaction-filters", REDACTION), {})
    (found,) = redaction_floor(loaded.settings, loaded.sources)
    assert found.redact == ("secret=(\\w+)",)


def test_the_file_is_as_the_options_say(tmp_path):
    path = tmp_path / "own.log"
    options = ("--export-filename", str(path), "--export-file-perm", "640")
    writer = file_writer(load_settings(options, {}).settings, lambda: None)
    writer.start()
    writer.close(10)
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_place_where_no_file_can_be_is_an_error(tmp_path):
    settings = load_settings(("--export-filename", str(tmp_path)), {}).settings
    with pytest.raises(OSError, match=str(tmp_path)):
        file_writer(settings, lambda: None)
