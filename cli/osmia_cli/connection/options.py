"""The options of the connection to an agent, which stand before or after a command's name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from osmia_cli.connection.settings import ConnectionSettings
from osmia_cli.duration import Duration

_EPILOG = "Options such as --server-address may stand here as well: see {program} --help."
_VARIABLES = "OSMIA_CLI_"
"""What the names of environment variables begin with; OSMIA_ alone are the agent's options."""
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_DEFAULTS = ConnectionSettings()


def add_connection_options(command: click.Command) -> None:
    """Give a command, and those below it, the options; help lists them at the program only."""
    if isinstance(command, click.Group):
        for each in command.commands.values():
            add_connection_options(each)
    elif not any(map(is_connection_option, command.params)):
        command.params.extend(connection_options(hidden=True))
        command.epilog = command.epilog or _EPILOG.format(program="osmia")


def connection_settings(context: click.Context) -> ConnectionSettings:
    """Return what the options say: those behind a command's name win over those before it."""
    return ConnectionSettings(**_given(context))


def is_connection_option(parameter: click.Parameter) -> bool:
    """Tell whether an option is one of these."""
    return isinstance(parameter, _ConnectionOption)


def connection_options(*, hidden: bool = False) -> list[click.Option]:
    """Make the options. They hand nothing to the command: see `connection_settings`."""

    def option(*names: str, help: str, default: object = None, **settings: Any) -> click.Option:  # noqa: A002  # click's name
        text = help if default is None else f"{help}  [default: {default}]"
        variable = names[-1] if names[-1].startswith("--") else names[0]
        return _ConnectionOption(
            names,
            hidden=hidden,
            expose_value=False,
            callback=_remember,
            envvar=_VARIABLES + variable.strip("-").replace("-", "_").upper(),
            help=text,
            **settings,
        )

    return [
        option(
            "--server-address",
            metavar="ADDRESS",
            help="Of the agent: HOST:PORT or unix:///PATH. Without it, what the agent on this"
            " machine says of itself, else localhost:54321.",
        ),
        option(
            "--timeout",
            "timeout_s",
            type=Duration(),
            default="30s",
            help="Of a call, its retries included, but not of the stream of events; 0 is none.",
        ),
        option(
            "--retries",
            type=int,
            metavar="N",
            default=_DEFAULTS.retries,
            help="Repetitions of a call while no agent answers, 4 at most; 0 is none.",
        ),
        option(
            "--max-recv-size",
            type=click.IntRange(min=1),
            metavar="BYTES",
            default=_DEFAULTS.max_recv_size,
            help="Longest message of the agent, or line of input where that is over 64 KiB.",
        ),
        option("--tls-cert-file", type=_FILE, help="This client's certificate, with its key."),
        option("--tls-key-file", type=_FILE, help="Key of this client's certificate."),
        option(
            "--tls-ca-cert-files",
            type=_FileList(),
            multiple=True,
            help="Certificates of authorities that the agent's may be signed by.",
        ),
        option(
            "--tls-server-name",
            metavar="NAME",
            help="Name that the agent's certificate must have, if not that of its address.",
        ),
        option(
            "--tls-skip-verify",
            is_flag=True,
            help="Take any certificate. Whoever answers is believed.",
        ),
        option("-d", "--debug", is_flag=True, help="Say on standard error what is done."),
    ]


class _ConnectionOption(click.Option):
    """Marks the options, so that no command gets them twice."""


class _FileList(click.ParamType[tuple[Path, ...]]):
    name = "FILE,..."

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[Path, ...]:
        """Cut at commas, and demand that the files are there."""
        if isinstance(value, tuple):
            return value
        return tuple(Path(_FILE.convert(name, param, ctx)) for name in value.split(","))


def _given(context: click.Context) -> dict[str, Any]:
    given: dict[str, Any] = context.find_root().ensure_object(dict)
    return given


def _remember(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    name = str(parameter.name)
    source = context.get_parameter_source(name)
    if source not in {ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT}:
        return
    if name == "debug":
        _log_everything()
        return
    if parameter.multiple:
        value = tuple(path for paths in value for path in paths)
    given = _given(context)
    if source is ParameterSource.COMMANDLINE or name not in given:
        given[name] = value


def _log_everything() -> None:
    import logging  # noqa: PLC0415 - keeps --help fast

    logging.basicConfig(level=logging.DEBUG, format="%(levelname)s %(name)s: %(message)s")
