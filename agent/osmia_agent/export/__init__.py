"""Where encoded events go: sinks, and the threads that keep slow sinks away from the event loop.

`pipelines.RunningPipelines` takes events and says what became of them. A `Sink` writes lines; a
`Writer` owns one sink and one thread, and takes lines without ever blocking. Rotated files are
thinned out and compressed by a `BackupKeeper`. Imports `osmia_events` and no other room of the
agent.
"""

from osmia_agent.export.file_sink import FileSink, Rotation
from osmia_agent.export.sink import Sink, SinkEndedError
from osmia_agent.export.stdout_sink import StdoutSink
from osmia_agent.export.writer import Writer, WriterStatistics

__all__ = [
    "FileSink",
    "Rotation",
    "Sink",
    "SinkEndedError",
    "StdoutSink",
    "Writer",
    "WriterStatistics",
]
