"""The command line, made from the model: flags in pflag's notation, help by groups.

As the peer's flags: `--option value` and `--option=value`; a switch is `--switch` or
`--switch=false`, never `--switch false`; the last of several wins, except that lists add up.
"""

from __future__ import annotations

import argparse
import difflib
import sys
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from osmia_agent.settings.kinds import Kind
from osmia_agent.settings.model import Group, Settings
from osmia_agent.settings.values import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

COMMANDS = {
    "run": "stream this node's events (the default)",
    "probe": "say what this kernel offers",
}
_SHORT = {"debug": "-d"}
_BOOLS = {"true", "false"}
_ANSWERED = {"--help", "--version"}


class Option(NamedTuple):
    """One option as the command line knows it."""

    name: str
    """With dashes, without the two in front."""
    field: str
    kind: Kind
    group: str
    description: str
    default: str


class CommandLine(NamedTuple):
    """What the command line says: the command, and the text of each option given, by field."""

    command: str
    values: dict[str, str]


def options() -> Iterator[Option]:
    """Yield every option of the model, in its order."""
    group = ""
    for name, field in Settings.model_fields.items():
        group = next((item.title for item in field.metadata if isinstance(item, Group)), group)
        kind = next(item for item in field.metadata if isinstance(item, Kind))
        yield Option(
            name=name.replace("_", "-"),
            field=name,
            kind=kind,
            group=group,
            description=" ".join((field.description or "").split()),
            default=kind.show(field.default),
        )


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise SettingsError(f"{message} (see {self.prog} --help)")


class _ShowVersion(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from importlib.metadata import version  # noqa: PLC0415 - slow, and only needed here

        sys.stdout.write(f"osmia-agent {version('osmia')}\n")
        parser.exit()


def build_parser(prog: str = "osmia-agent") -> argparse.ArgumentParser:
    """Make the parser; `format_help()` of it is the agent's help."""
    parser = _Parser(
        prog=prog,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="See every process of this node and export what policies ask for.\n\n"
        + "\n".join(f"  {name:8}{text}" for name, text in COMMANDS.items()),
        epilog="Each option is also an environment variable (OSMIA_EXPORT_FILENAME) and a file in\n"
        "/etc/osmia/osmia.conf.d/ or --config-dir (export-filename). Flags win over variables,\n"
        "variables over files. A switch alone means true: --debug, --export-file-compress=false.",
        usage=f"{prog} [command] [options]",
    )
    parser.add_argument("command", nargs="?", default="run", help=argparse.SUPPRESS)
    parser.add_argument("--version", action=_ShowVersion, nargs=0, help="show the version and exit")
    sections: dict[str, argparse._ArgumentGroup] = {}
    for option in options():
        section = sections.get(option.group)
        if section is None:
            section = sections[option.group] = parser.add_argument_group(option.group)
        names = [f"--{option.name}", *filter(None, [_SHORT.get(option.name)])]
        default = f" (default {option.default})" if option.default else ""
        section.add_argument(
            *names,
            dest=option.field,
            action="append",
            metavar=option.kind.metavar or "[=BOOL]",
            help=(option.description + default).replace("%", "%%"),
        )
    return parser


def parse_command_line(arguments: Sequence[str]) -> CommandLine:
    """Read flags; values stay text. `--help` and `--version` print and exit.

    Raises `SettingsError` naming the flag: unknown (with the nearest known one), or without value.
    """
    known = {f"--{option.name}": option for option in options()}
    switches = {name for name, option in known.items() if not option.kind.metavar} | {"-d"}
    unknown = [word.partition("=")[0] for word in arguments if word.startswith("--")]
    unknown = [flag for flag in unknown if flag not in known and flag not in _ANSWERED]
    if unknown:
        raise SettingsError(*[_no_such("option", flag, known) for flag in unknown])
    spelled = [f"{word}=true" if word in switches else word for word in arguments]
    given = build_parser().parse_args(spelled)
    if given.command not in COMMANDS:
        hint = "; a switch takes its value as in --debug=false" if given.command in _BOOLS else ""
        raise SettingsError(_no_such("command", given.command, COMMANDS) + hint)
    values: dict[str, str] = {}
    for option in known.values():
        texts: list[str] | None = getattr(given, option.field)
        if texts is not None:
            values[option.field] = ",".join(texts) if option.kind.is_list else texts[-1]
    return CommandLine(given.command, values)


def _no_such(what: str, word: str, known: Iterable[str]) -> str:
    nearest = difflib.get_close_matches(word, list(known), n=1)
    hint = f"; did you mean {nearest[0]}?" if nearest else ""
    return f"{word}: no such {what}{hint} (see osmia-agent --help)"
