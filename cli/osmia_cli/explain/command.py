"""`osmia explain`: what the fields of a resource mean."""

from __future__ import annotations

from typing import Any

import click

from osmia_cli.tables import align, to_json


@click.command(short_help="Explain the fields of a resource.")
@click.argument("path", required=False, metavar="RESOURCE[.FIELD...]")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json", "yaml"]),
    default="text",
    show_default=True,
    help="A text for people, or the schema itself.",
)
@click.option("-R", "--recursive", is_flag=True, help="Show fields of fields, too.")
@click.option("--example", is_flag=True, help="Begin with an example.")
@click.option("--list", "is_list", is_flag=True, help="List the resources.")
@click.option("--api-version", metavar="VERSION", help="Of the resource, such as v1alpha1.")
def explain(
    *,
    path: str | None,
    output: str,
    recursive: bool,
    example: bool,
    is_list: bool,
    api_version: str | None,
) -> None:
    """Explain the fields of a resource: tracingpolicy.spec.kprobes or tracingpolicy[spec][kprobes].

    No cluster is asked: the schemas are those of this version.
    """
    from osmia_cli.explain import fields, text  # noqa: PLC0415 - keeps --help fast

    if is_list:
        click.echo(_listing(fields.resources(), output))
        return
    if not path:
        raise click.ClickException("name a resource, such as tracingpolicy; --list lists them")
    try:
        found = fields.find(path, api_version)
    except fields.UnknownFieldError as error:
        raise click.ClickException(str(error)) from None
    if output == "json":
        click.echo(to_json(found.schema))
    elif output == "yaml":
        import yaml  # noqa: PLC0415 - only needed here

        click.echo(yaml.safe_dump(found.schema, sort_keys=False), nl=False)
    else:
        click.echo("\n".join(text.lines(found, recursive=recursive, example=example)))


def _listing(resources: Any, output: str) -> str:
    rows = [(each.kind, ",".join(each.short_names), each.api_version) for each in resources]
    if output == "text":
        return "\n".join(align([("NAME", "SHORTNAMES", "APIVERSION"), *rows]))
    objects = [
        {"name": kind, "shortNames": names.split(","), "apiVersion": version}
        for kind, names, version in rows
    ]
    if output == "json":
        return to_json(objects)
    import yaml  # noqa: PLC0415 - only needed here

    return str(yaml.safe_dump(objects, sort_keys=False)).rstrip()
