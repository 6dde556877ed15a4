"""Options from all sources become one `Settings`.

Precedence, highest first: flag, environment variable, `--config-dir`, standard places, default.
"""

from __future__ import annotations

from collections import ChainMap
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pydantic import ValidationError

from osmia_agent.settings.flags import Option, options, parse_command_line
from osmia_agent.settings.model import Settings
from osmia_agent.settings.sources import Given, from_directory, from_environment, from_system
from osmia_agent.settings.values import SettingsError, shown

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping, Sequence

    from pydantic_core import ErrorDetails


class Loaded(NamedTuple):
    """What the agent was asked to do."""

    command: str
    """`run` or `probe`."""
    settings: Settings
    sources: dict[str, str]
    """Where each option that was given came from, by field: `--btf`, `OSMIA_BTF`, a path."""
    warnings: tuple[str, ...]
    """One line each, for the log."""


def load_settings(
    arguments: Sequence[str], environment: Mapping[str, str], root: Path = Path("/")
) -> Loaded:
    """Read all sources; `root` is the directory that the standard places are below.

    Raises `SettingsError` with every problem found, each naming its source and value.
    """
    command, flags = parse_command_line(arguments)
    known = {option.field: option for option in options()}
    layers: list[MutableMapping[str, Given]] = [
        {field: Given(text, f"--{known[field].name}") for field, text in flags.items()},
        from_environment(environment, known),
    ]
    layers.extend(reversed(from_system(root)))
    config_dir = ChainMap(*layers).get("config_dir")
    if config_dir is not None and config_dir.text:
        layers.insert(2, from_directory(Path(config_dir.text)))

    given = ChainMap(*layers)
    warnings = [f"{given[field].source}: no such option" for field in given if field not in known]
    used = {field: given[field] for field in known if field in given}
    used = {
        field: found
        for field, found in used.items()
        if found.text or known[field].kind.may_be_empty or not found.is_file
    }
    settings = _validate(used, known, warnings)
    return Loaded(
        command,
        settings,
        {field: found.source for field, found in used.items()},
        tuple(warnings),
    )


def _validate(
    given: dict[str, Given], known: Mapping[str, Option], warnings: list[str]
) -> Settings:
    try:
        return Settings.model_validate({field: found.text for field, found in given.items()})
    except ValidationError as error:
        details = error.errors(include_url=False)
    fatal = []
    forgiven = set()
    for detail in details:
        field = str(detail["loc"][0]) if detail["loc"] else ""
        if field and known[field].kind.lenient:
            forgiven.add(field)
            problem = f"{given[field].source}: {_reason(detail, given[field])}"
            warnings.append(f"{problem}; {known[field].default} is used")
        elif field:
            fatal.append(f"{given[field].source}: {_reason(detail, given[field])}")
        else:
            fatal.append(_reason(detail, None))
    if fatal:
        raise SettingsError(*fatal)
    return _validate({f: v for f, v in given.items() if f not in forgiven}, known, warnings)


def _reason(detail: ErrorDetails, given: Given | None) -> str:
    if detail["type"] == "value_error":
        return str(detail["ctx"]["error"])
    reason = detail["msg"].removeprefix("Input ")
    return f"{shown(given.text)} {reason}" if given is not None else reason
