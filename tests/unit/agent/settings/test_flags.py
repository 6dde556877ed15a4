from __future__ import annotations

import pytest

from osmia_agent.settings import SettingsError
from osmia_agent.settings.flags import build_parser, options, parse_command_line


@pytest.mark.parametrize(
    ("words", "given"),
    [
        (["--btf", "/x"], {"btf": "/x"}),
        (["--btf=/x"], {"btf": "/x"}),
        (["--btf="], {"btf": ""}),
        (["--metrics-server", ""], {"metrics_server": ""}),
        (["--export-filename", "-"], {"export_filename": "-"}),
        (["--export-rate-limit", "-1"], {"export_rate_limit": "-1"}),
        (["--debug"], {"debug": "true"}),
        (["-d"], {"debug": "true"}),
        (["--debug=false"], {"debug": "false"}),
        (["--btf", "/x", "--btf", "/y"], {"btf": "/y"}),
        (
            ["--enable-ancestors=base", "--enable-ancestors", "lsm"],
            {"enable_ancestors": "base,lsm"},
        ),
        (["--export-allowlist", '{"a": 1}\n{"b": 2}'], {"export_allowlist": '{"a": 1}\n{"b": 2}'}),
    ],
)
def test_notations(words: list[str], given: dict[str, str]) -> None:
    assert parse_command_line(words).values == given


def test_a_command_may_stand_before_the_flags() -> None:
    assert parse_command_line([]).command == "run"
    assert parse_command_line(["probe", "--btf=/x"]) == ("probe", {"btf": "/x"})


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (
            ["--expot-filename", "x"],
            "--expot-filename: no such option; did you mean --export-filename?",
        ),
        (["--qqq=1"], "--qqq: no such option (see"),
        (["prob"], "prob: no such command; did you mean probe?"),
        (["--debug", "false"], "a switch takes its value as in --debug=false"),
        (["--btf"], "argument --btf: expected one argument"),
        (["-x"], "unrecognized arguments: -x"),
        (["run", "more"], "unrecognized arguments: more"),
    ],
)
def test_mistakes_name_the_flag(words: list[str], complaint: str) -> None:
    with pytest.raises(SettingsError, match="see osmia-agent --help") as error:
        parse_command_line(words)
    assert complaint in str(error.value)


def test_every_option_is_in_the_help_under_a_heading_with_its_meaning() -> None:
    help_text = build_parser().format_help()
    for option in options():
        assert f"--{option.name}" in help_text
        assert option.description
        assert f"\n{option.group}:\n" in help_text


def test_help_and_version_end_the_program(capsys: pytest.CaptureFixture[str]) -> None:
    for flag, shown in (("--help", "usage: osmia-agent"), ("--version", "osmia-agent ")):
        with pytest.raises(SystemExit) as end:
            parse_command_line([flag])
        assert end.value.code in (0, None)
        assert capsys.readouterr().out.startswith(shown)
