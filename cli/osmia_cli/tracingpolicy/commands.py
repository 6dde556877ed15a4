"""`osmia tracingpolicy`: the policies that an agent has in force."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from osmia_cli.connection.options import connection_settings
from osmia_cli.tables import message_to_object, output_option, to_json
from osmia_cli.tracingpolicy.generate import generate

if TYPE_CHECKING:
    from osmia_cli.options import Decorator

_MODES = ("enforce", "monitor")


def _file_argument() -> Decorator:
    return click.argument("file", type=click.Path(allow_dash=True), metavar="FILE")


def _name_argument() -> Decorator:
    return click.argument("name")


def _namespace_option() -> Decorator:
    return click.option(
        "-n", "--namespace", default="", metavar="NAME", help="Of a policy for one namespace."
    )


def _domain_option(help_text: str) -> Decorator:
    return click.option("--domain", default="", metavar="NAME", help=help_text)


def _mode_option() -> Decorator:
    return click.option(
        "-m", "--mode", type=click.Choice(_MODES), help="Mode to write into the policy first."
    )


_DOMAIN = "Where the policy came from.  [default: grpc]"


@click.group(short_help="Manage policies of the agent.")
def tracingpolicy() -> None:
    """Manage policies of the agent."""


tracingpolicy.add_command(generate)


@tracingpolicy.command("add", short_help="Put a policy in force.")
@_file_argument()
@_mode_option()
@_domain_option("Where to say that the policy came from.  [default: grpc]")
@click.pass_context
def add(context: click.Context, /, *, file: str, mode: str | None, domain: str) -> None:
    """Put the policy of a file of YAML in force; - is standard input."""
    text = _with_mode(file, mode)
    _call(context, "AddTracingPolicy", "add tracing policy", yaml=text, domain=domain)
    _tell(file, "added")


@tracingpolicy.command("delete", short_help="Take a policy out of force.")
@_name_argument()
@_namespace_option()
@_domain_option(_DOMAIN)
@click.pass_context
def delete(context: click.Context, /, *, name: str, namespace: str, domain: str) -> None:
    """Take a policy out of force."""
    policy = {"name": name, "namespace": namespace, "domain": domain}
    _call(context, "DeleteTracingPolicy", "delete tracing policy", **policy)
    _tell(name, "deleted")


@tracingpolicy.command("enable", short_help="Switch a policy on again.")
@_name_argument()
@_namespace_option()
@_domain_option(_DOMAIN)
@click.pass_context
def enable(context: click.Context, /, *, name: str, namespace: str, domain: str) -> None:
    """Switch a policy on that was switched off."""
    _configure(context, "enable tracing policy", name, namespace, domain, enable=True)
    _tell(name, "enabled")


@tracingpolicy.command("disable", short_help="Switch a policy off.")
@_name_argument()
@_namespace_option()
@_domain_option(_DOMAIN)
@click.pass_context
def disable(context: click.Context, /, *, name: str, namespace: str, domain: str) -> None:
    """Switch a policy off; it stays listed."""
    _configure(context, "disable tracing policy", name, namespace, domain, enable=False)
    _tell(name, "disabled")


@tracingpolicy.command("set-mode", short_help="Let a policy act, or only report.")
@_name_argument()
@click.argument("mode", type=click.Choice(_MODES))
@_namespace_option()
@_domain_option(_DOMAIN)
@click.pass_context
def set_mode(
    context: click.Context, /, *, name: str, mode: str, namespace: str, domain: str
) -> None:
    """Let a policy act on what it finds, or only report it."""
    doing = f"set tracing policy to mode {mode}"
    _configure(context, doing, name, namespace, domain, mode=f"TP_MODE_{mode.upper()}")
    _tell(name, f'set to mode "{mode}"')


@tracingpolicy.command("list", short_help="List policies.")
@output_option()
@_domain_option("Only policies that came from there.")
@click.pass_context
def list_(context: click.Context, /, *, output: str, domain: str) -> None:
    """List the agent's policies, with what became of each."""
    response = _call(context, "ListTracingPolicies", "list tracing policies", domain=domain)
    if output == "json":
        click.echo(to_json(message_to_object(response)))
        return
    from osmia_cli.tracingpolicy.listing import policy_lines  # noqa: PLC0415 - keeps --help fast

    click.echo("\n".join(policy_lines(response.policies)))


@tracingpolicy.command("domains", short_help="List where policies came from.")
@output_option()
@click.pass_context
def domains(context: click.Context, /, *, output: str) -> None:
    """List where the agent's policies came from."""
    response = _call(context, "ListDomains", "list domains")
    if output == "json":
        click.echo(to_json(message_to_object(response)))
    else:
        from osmia_events.compact.quote import escaped  # noqa: PLC0415 - keeps --help fast

        for domain in response.domains:
            click.echo(escaped(domain))


@tracingpolicy.command("modify", short_help="Print a policy in another mode.")
@_file_argument()
@_mode_option()
def modify(*, file: str, mode: str | None) -> None:
    """Print the policy of a file of YAML, - is standard input, with its mode changed."""
    click.echo(_with_mode(file, mode), nl=False)


def _with_mode(file: str, mode: str | None) -> str:
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        text = data.decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise click.ClickException(f"{file}: {reason}") from None
    if mode is None:
        return text
    from osmia_cli.tracingpolicy.mode import ModeError, set_mode_in  # noqa: PLC0415 - keeps --help fast

    try:
        return set_mode_in(text, mode)
    except ModeError as error:
        raise click.ClickException(f"{file}: {error}") from None


def _tell(policy: str, done: str) -> None:
    from osmia_events.compact.quote import literal  # noqa: PLC0415 - keeps --help fast

    click.echo(f"tracing policy {literal(policy)} {done}")


def _configure(
    context: click.Context, doing: str, name: str, namespace: str, domain: str, **change: Any
) -> None:
    policy = {"name": name, "namespace": namespace, "domain": domain}
    _call(context, "ConfigureTracingPolicy", doing, **policy, **change)


def _call(context: click.Context, method: str, doing: str, **fields: Any) -> Any:
    from osmia_cli.connection.client import Client  # noqa: PLC0415 - keeps --help fast

    with Client(connection_settings(context)) as client:
        return client.call(method, doing, **fields)
