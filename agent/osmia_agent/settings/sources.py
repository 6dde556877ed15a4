"""Where options come from besides the command line: environment variables, files, directories.

Each reader gives texts by field name, with the source of each for error messages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from osmia_agent.settings.values import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_PREFIX = "OSMIA_"
SYSTEM_SOURCES = (
    "usr/lib/osmia/osmia.conf.d",
    "usr/local/lib/osmia/osmia.conf.d",
    "etc/osmia/osmia.yaml",
    "etc/osmia/osmia.conf.d",
)
"""Below the root directory; a later one overrides an earlier one, absent ones are skipped."""


class Given(NamedTuple):
    """The text of an option, and where it was found."""

    text: str
    source: str
    is_file: bool = False


def from_environment(environment: Mapping[str, str], fields: Iterable[str]) -> dict[str, Given]:
    """Read `OSMIA_<OPTION>` variables; an empty one counts as unset, as it does upstream."""
    found = {}
    for field in fields:
        variable = _PREFIX + field.upper()
        if text := environment.get(variable, ""):
            found[field] = Given(text, variable)
    return found


def from_directory(directory: Path) -> dict[str, Given]:
    """Read a drop-in directory, as a ConfigMap is mounted: one file per option.

    The file's name is the option's, blanks around the content are cut. Sub-directories and names
    that begin with a dot are ignored, symbolic links followed. Names are not checked here.
    Raises `SettingsError` naming the file or directory that cannot be read.
    """
    found = {}
    try:
        for path in sorted(directory.iterdir()):
            if not path.name.startswith(".") and path.is_file():
                text = path.read_bytes().decode().strip()
                found[path.name.replace("-", "_")] = Given(text, str(path), is_file=True)
    except OSError as error:
        message = f"{error.filename or directory}: cannot be read: {error.strerror}"
        raise SettingsError(message) from None
    except UnicodeDecodeError as error:
        message = f"{path}: not UTF-8 text (byte {error.start})"
        raise SettingsError(message) from None
    return found


def from_yaml(path: Path) -> dict[str, Given]:
    """Read a YAML mapping of options; lists are taken as comma-separated text.

    Raises `SettingsError` naming the file, the line or option, and what would be right.
    """
    import yaml  # noqa: PLC0415 - slow to import, and few agents have such a file

    try:
        content = yaml.safe_load(path.read_bytes())
    except OSError as error:
        message = f"{path}: cannot be read: {error.strerror}"
        raise SettingsError(message) from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        message = f"{path}:{line}: not YAML: {error.problem}"
        raise SettingsError(message) from None
    except (yaml.YAMLError, ValueError):
        message = f"{path}: not YAML text in UTF-8"
        raise SettingsError(message) from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        message = f"{path}: {type(content).__name__} where a mapping of options is due"
        raise SettingsError(message)
    found = {}
    for key, value in content.items():
        source = f"{path}: {key}"
        found[str(key).replace("-", "_")] = Given(_yaml_text(value, source), source, is_file=True)
    return found


def _yaml_text(value: object, source: str) -> str:
    if isinstance(value, list):
        return ",".join(_yaml_text(item, source) for item in value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int):
        return str(value).strip()
    message = f"{source}: {type(value).__name__} where text, a number, true or false is due"
    raise SettingsError(message)


def from_system(root: Path) -> list[dict[str, Given]]:
    """Read the standard places below `root`, lowest precedence first."""
    found = []
    for place in SYSTEM_SOURCES:
        path = root / place
        if path.suffix == ".yaml" and path.is_file():
            found.append(from_yaml(path))
        elif path.is_dir():
            found.append(from_directory(path))
    return found
