"""Which files hold policies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from osmia_agent.settings.values import SettingsError

if TYPE_CHECKING:
    from osmia_agent.settings.model import Settings


def policy_files(settings: Settings) -> list[Path]:
    """Return the files of the directory and its sub-directories, then the single one.

    Names that begin with a dot are left out: an editor's, or those inside of a mounted ConfigMap.
    A link that leads nowhere is among the files: that its policy is missing must be told.
    The default directory need not exist. Raises SettingsError if a directory cannot be read.
    """
    try:
        return _found(settings)
    except OSError as error:
        place = f"--tracing-policy-dir: {error.filename}"
        raise SettingsError(f"{place} cannot be read: {error.strerror}") from None


def _found(settings: Settings) -> list[Path]:
    found: list[Path] = []
    directory = Path(settings.tracing_policy_dir)
    is_asked_for = "tracing_policy_dir" in settings.model_fields_set
    if settings.tracing_policy_dir and (is_asked_for or directory.exists()):
        for entry in _visible(directory):
            found += [entry] if _is_file(entry) else []
            if entry.is_dir():
                found += filter(_is_file, _visible(entry))
    if settings.tracing_policy:
        found.append(Path(settings.tracing_policy))
    return found


def _is_file(path: Path) -> bool:
    return path.is_file() or (path.is_symlink() and not path.exists())


def _visible(directory: Path) -> list[Path]:
    return sorted(path for path in directory.iterdir() if not path.name.startswith("."))
