"""Sinks of an ExportConfig: a closed union, of which exactly one is given."""

import re
from datetime import timedelta
from typing import Annotated, ClassVar

from pydantic import Field

from osmia_api.resource.base import Bool, Defaulted, OrAbsent, ResourceModel, Rule, Text, Uint31

_DURATION_PARTS = {"h": "hours", "m": "minutes", "s": "seconds"}


class FileSink(ResourceModel):
    """A file of JSON lines on each node."""

    path: Annotated[Text, Field(min_length=1, max_length=1024)]
    """Path of the file, below the agent's export directory: tetragon/web.log, or absolute."""
    max_size_mb: Defaulted[Uint31] = Field(default=10, alias="maxSizeMB")
    """Size in MB at which the file is rotated."""
    rotation_interval: Annotated[
        Text, Field(max_length=32, pattern=r"^([0-9]+h)?([0-9]+m)?([0-9]+s)?$")
    ] = ""
    """Time after which the file is rotated whatever its size, such as 12h or 1h30m. Absent:
    never."""
    max_backups: Defaulted[Uint31] = 5
    """How many rotated files are kept; 0 keeps all."""
    compress: Defaulted[Bool] = True
    """Compress rotated files with gzip."""
    permissions: Defaulted[Annotated[Text, Field(pattern=r"^0?[0-7]{3}$")]] = "600"
    """Permissions of the file and of its backups, in octal. The owner must be able to read and
    write, nobody to execute, and others than owner and group not to write."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="self.path.split('/').all(part, part != '..') && !self.path.endsWith('/')",
            message="path must name a file, without .. in it",
            holds=lambda sink: ".." not in sink.path.split("/") and not sink.path.endswith("/"),
        ),
        Rule(
            cel="!has(self.permissions) || self.permissions.matches('^0?6[0246][04]$')",
            message="permissions must let the owner read and write (6), nobody execute, and others"
            " than the group not write, as in 600, 640, 644 and 660",
            holds=lambda sink: re.fullmatch("0?6[0246][04]", sink.permissions) is not None,
        ),
    )

    @property
    def mode(self) -> int:
        """Permissions as a number."""
        return int(self.permissions, 8)

    @property
    def interval(self) -> timedelta:
        """Time after which the file is rotated; zero is never."""
        parts = re.findall("([0-9]+)([hms])", self.rotation_interval)
        return timedelta(**{_DURATION_PARTS[unit]: int(count) for count, unit in parts})


class StdoutSink(ResourceModel):
    """The agent's standard output, as JSON lines."""


class Sink(ResourceModel):
    """Where events go: exactly one of the fields is given."""

    file: OrAbsent[FileSink] = None
    """A file on each node."""
    stdout: OrAbsent[StdoutSink] = None
    """The agent's standard output: {}."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="[has(self.file), has(self.stdout)].filter(given, given).size() == 1",
            message="exactly one of file and stdout must be given",
            holds=lambda sink: len(sink.model_fields_set) == 1,
        ),
    )
