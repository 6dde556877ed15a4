"""`osmia`, also installed as `tetra`: the command line.

Commands import what they work with when they run, so that the help comes at once.
"""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import click

from osmia_cli.connection.options import connection_options
from osmia_cli.lazy_group import LazyGroup

_NAMES = ("osmia", "tetra")
_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

# One line for each command: where it is.
_COMMANDS = {
    "bugtool": "bugtool.command:bugtool",
    "completion": "completion:completion",
    "eventlog": "eventlog:eventlog",
    "explain": "explain.command:explain",
    "exportconfig": "exportconfig.commands:exportconfig",
    "filter": "filter:filter_command",
    "getevents": "getevents:getevents",
    "info": "info:info",
    "loglevel": "loglevel:loglevel",
    "policy": "policy:policy",
    "probe": "probe:probe",
    "sensors": "sensors:sensors",
    "status": "status:status",
    "top": "top.command:top",
    "tracingpolicy": "tracingpolicy.commands:tracingpolicy",
    "tree": "tree.command:tree",
    "version": "version:version",
}
ALIASES = {"log": "loglevel", "tp": "tracingpolicy"}


@click.group(
    cls=LazyGroup,
    table=_COMMANDS,
    aliases=ALIASES,
    context_settings=_SETTINGS,
    params=connection_options(),
)
# Not in the help, which is the contract's; `osmia version` says more.
@click.version_option(package_name="osmia", message="%(prog)s %(version)s", hidden=True)
def osmia() -> None:
    """See what processes do, and what policies say about it."""


def main() -> int:
    """Run under the name that the program was called by; return the exit status, 1 for errors."""
    _keep_standard_descriptors()
    # Read when gRPC is imported: errors are told by this program.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    for stream in (sys.stdout, sys.stderr):
        # Events are UTF-8 whatever the locale says, and so are all texts.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    called = Path(sys.argv[0]).name
    name = called if called in _NAMES else _NAMES[0]
    try:
        status: object = osmia(prog_name=name, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return 1
    except OSError as error:  # such as a full disk behind the output
        click.ClickException(str(error)).show()
        return 1
    except click.Abort:
        return 1
    except SystemExit:  # how click and rich end when nobody reads any more
        return 0
    return status if isinstance(status, int) else 0


def _keep_standard_descriptors() -> None:
    """Open what was closed of standard input, output and errors.

    Else the next pipe or socket would get that number, and be written to in its place. What is
    opened cannot be written to: output that is lost is an error.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDONLY)
