"""What a file of code offers to hooks: the names of its functions, its static probes."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import NoteSection, SymbolTableSection

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROBE_NOTE = "NT_STAPSDT"
_PROBE_SECTION = ".note.stapsdt"


def functions(path: str) -> list[str]:
    """Return the names of the functions that a file defines, each once. Raises ClickException."""
    with _opened(path) as elf:
        names = {
            symbol.name: None
            for section in elf.iter_sections()
            if isinstance(section, SymbolTableSection)
            for symbol in section.iter_symbols()
            if symbol["st_info"]["type"] == "STT_FUNC" and symbol["st_value"]
        }
    return list(names)


def static_probes(path: str) -> list[tuple[str, str]]:
    """Return provider and name of a file's static probes, each once. Raises ClickException."""
    with _opened(path) as elf:
        section = elf.get_section_by_name(_PROBE_SECTION)
        if not isinstance(section, NoteSection):
            return []
        word = elf.elfclass // 8
        # Three addresses, then provider, name and arguments, each ended by a zero.
        probes = {
            tuple(note["n_descdata"][3 * word :].split(b"\0")[:2]): None
            for note in section.iter_notes()
            if note["n_name"] == "stapsdt"
        }
    return [(provider.decode(), name.decode()) for provider, name in probes]


@contextmanager
def _opened(path: str) -> Iterator[ELFFile]:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - a path as it was given
            yield ELFFile(file)
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror}") from None
    except ELFError as error:
        raise click.ClickException(f"{path}: not a file of code (ELF): {error}") from None
