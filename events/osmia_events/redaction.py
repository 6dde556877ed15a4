"""Redaction: what patterns find in texts of users' processes is replaced by `*****`.

That is the arguments and the environment of every process that an event names, and the texts
among a policy event's arguments. A redacted process is made once and remembered with the original.
"""

from __future__ import annotations

from operator import attrgetter, is_not
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from osmia_events.memo import new_key, remember
from osmia_events.model import EVENT_BODIES, EnvVar, KprobeArgument
from osmia_events.redaction_patterns import RedactionPatterns
from osmia_events.regex import PatternSet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from osmia_events.config import RedactionFilterConfig
    from osmia_events.model import Event, EventBody, Process

_MAX_BINARIES = 1024
_UNKNOWN: Any = object()

_ARGUMENT_FIELDS = {
    body: tuple(name for name in ("args", "return_", "data") if name in body.__struct_fields__)
    for body in EVENT_BODIES.values()
} | {type(None): ()}


def _values_of(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    if len(names) > 1:
        return attrgetter(*names)
    return lambda body: tuple(getattr(body, name) for name in names)


_ARGUMENTS_OF = {body: _values_of(names) for body, names in _ARGUMENT_FIELDS.items()}
_TEXT_MEMBERS = {
    "path_arg": ("path",),
    "file_arg": ("path",),
    "linux_binprm_arg": ("path",),
    "sockaddrun_arg": ("path",),
    "truncated_bytes_arg": ("bytes_arg",),
}
"""Members with text of a process's making, in the kinds of arguments that are messages."""
_PATH_KINDS = frozenset(kind for kind, names in _TEXT_MEMBERS.items() if names == ("path",))
_TEXT_KINDS = frozenset(("string_arg", "bytes_arg", *_TEXT_MEMBERS))


class Redactor:
    """Applies redaction filters, in order, each to what the previous one left."""

    def __init__(self, configs: Iterable[RedactionFilterConfig]) -> None:
        self._filters = [
            (PatternSet(each.binary_regex) if each.binary_regex else None, each.redact)
            for each in configs
            if each.redact
        ]
        self._key = new_key(self)
        self._of_any_binary = RedactionPatterns(
            [pattern for _, patterns in self._filters for pattern in patterns]
        )
        self._of_filters: dict[tuple[str, ...], RedactionPatterns] = {}
        self._of_binary: dict[str, RedactionPatterns | None] = {}

    def redact(self, event: Event) -> Event:
        """Return the event without secrets; the same object if there were none."""
        body = self.redact_body(event.body)
        return event if body is event.body else replace(event, body=body)

    def redact_body(self, body: EventBody | None) -> EventBody | None:
        """Return the body of an event without secrets; the same object if there were none."""
        if body is None or not self._filters:
            return body
        return self._with_arguments_redacted(self._with_processes_redacted(body))

    def redact_bodies(self, bodies: Sequence[EventBody | None]) -> list[EventBody | None]:
        """Do as `redact_body` for some bodies, searching what their events do not share at once."""
        if not self._filters:
            return list(bodies)
        if self._any_argument_may_match(bodies):
            return [self.redact_body(body) for body in bodies]
        redact = self._with_processes_redacted
        return [None if body is None else redact(body) for body in bodies]

    def redact_process(self, process: Process) -> Process:
        """Return the process without secrets; the same object if it has none."""
        memo = process.memo
        known = _UNKNOWN if memo is None else memo.get(self._key, _UNKNOWN)
        if known is _UNKNOWN:
            known = None if self._is_clean(process) else self._redacted(process)
            remember(process, self._key, known)
        return process if known is None else known

    def _with_processes_redacted(self, body: EventBody) -> EventBody:
        process, parent, ancestors = body.process, body.parent, body.ancestors
        redact = self.redact_process
        seen = None if process is None else redact(process)
        seen_parent = None if parent is None else redact(parent)
        if ancestors:
            seen_ancestors = tuple(map(redact, ancestors))
            if any(map(is_not, seen_ancestors, ancestors)):
                return replace(body, process=seen, parent=seen_parent, ancestors=seen_ancestors)
        if seen is process and seen_parent is parent:
            return body
        return replace(body, process=seen, parent=seen_parent)

    def _with_arguments_redacted(self, body: EventBody) -> EventBody:
        fields = _ARGUMENT_FIELDS[type(body)]
        patterns = self._patterns(body.process.binary if body.process else "") if fields else None
        if patterns is None:
            return body
        changes = {
            field: redacted
            for field in fields
            if (value := getattr(body, field))
            and (redacted := _redact_arguments(value, patterns)) is not value
        }
        return replace(body, **changes) if changes else body

    def _any_argument_may_match(self, bodies: Iterable[EventBody | None]) -> bool:
        """Say whether an argument of any event may have to be redacted: never a wrong no."""
        texts: list[str] = []
        for body in bodies:
            for value in _ARGUMENTS_OF[type(body)](body):
                if value and not _add_texts(texts, value if type(value) is tuple else (value,)):
                    return True
        return bool(texts) and self._of_any_binary.may_match(texts)

    def _is_clean(self, process: Process) -> bool:
        """Say whether no pattern can match, whatever the binary; False says nothing."""
        return not process.environment_variables and self._of_any_binary.cannot_match(
            process.arguments
        )

    def _redacted(self, process: Process) -> Process | None:
        """Return the process redacted, or None if that changes nothing."""
        patterns = self._patterns(process.binary)
        if patterns is None:
            return None
        arguments = patterns.redact(process.arguments)
        environment = process.environment_variables
        if environment:
            redacted = tuple(_redact_variable(each, patterns) for each in environment)
            if any(map(is_not, redacted, environment)):
                environment = redacted
        if arguments is process.arguments and environment is process.environment_variables:
            return None
        return process.replaced(arguments=arguments, environment_variables=environment)

    def _patterns(self, binary: str) -> RedactionPatterns | None:
        """Return the patterns that apply to processes of a binary, None if none does."""
        try:
            return self._of_binary[binary]
        except KeyError:
            pass
        if len(self._of_binary) >= _MAX_BINARIES:
            self._of_binary.clear()
            self._of_filters.clear()
        chosen = tuple(
            pattern
            for binaries, patterns in self._filters
            if binaries is None or binaries.search(binary)
            for pattern in patterns
        )
        patterns = self._of_filters.get(chosen)
        if patterns is None and chosen:
            patterns = self._of_filters[chosen] = RedactionPatterns(chosen)
        self._of_binary[binary] = patterns
        return patterns


def _redact_variable(variable: EnvVar, patterns: RedactionPatterns) -> EnvVar:
    text = f"{variable.Key}={variable.Value}"
    redacted = patterns.redact(text)
    if redacted is text:
        return variable
    key, equals, value = redacted.partition("=")
    return EnvVar(key, value) if equals else EnvVar("invalid")


def _redact_arguments(value: Any, patterns: RedactionPatterns) -> Any:
    """Redact a tuple of arguments, or the one argument of `return`."""
    arguments = value if isinstance(value, tuple) else (value,)
    if not _may_match(arguments, patterns):
        return value
    redacted = tuple([_redact_argument(each, patterns) for each in arguments])
    if not any(map(is_not, redacted, arguments)):
        return value
    return redacted if arguments is value else redacted[0]


def _may_match(arguments: tuple[KprobeArgument, ...], patterns: RedactionPatterns) -> bool:
    texts: list[str] = []
    return not _add_texts(texts, arguments) or (bool(texts) and patterns.may_match(texts))


def _add_texts(texts: list[str], arguments: tuple[KprobeArgument, ...]) -> bool:
    """Add the texts of arguments; say whether that is all in them that could be redacted."""
    for argument in arguments:
        kind = argument.kind
        if kind == "string_arg":
            texts.append(argument.value)
        elif kind in _PATH_KINDS:
            texts.append(argument.value.path)
        elif kind in _TEXT_KINDS:
            return False
    return True


def _redact_argument(argument: KprobeArgument, patterns: RedactionPatterns) -> KprobeArgument:
    kind, value = argument.kind, argument.value
    if kind not in _TEXT_KINDS:
        return argument
    members = _TEXT_MEMBERS.get(kind)
    if members is None:
        redacted = _redact_text(value, patterns)
    else:
        redacted = value
        for member in members:
            text = getattr(value, member)
            shown = _redact_text(text, patterns)
            if shown is not text:
                redacted = replace(redacted, **{member: shown})
    return argument if redacted is value else KprobeArgument(kind, redacted, argument.label)


def _redact_text(text: str | bytes, patterns: RedactionPatterns) -> str | bytes:
    if not text:
        return text
    return patterns.redact(text) if isinstance(text, str) else patterns.redact_bytes(text)


def texts_of(body: EventBody | None) -> dict[str, str]:
    """Return every text of an event that redaction looks at, by its place."""
    if body is None:
        return {}
    texts: dict[str, str] = {}
    processes = {"process": body.process, "parent": body.parent}
    processes |= {f"ancestors[{at}]": each for at, each in enumerate(body.ancestors)}
    for name, process in processes.items():
        if process is None:
            continue
        texts[f"{name}.arguments"] = process.arguments
        for at, each in enumerate(process.environment_variables):
            texts[f"{name}.environment_variables[{at}]"] = f"{each.Key}={each.Value}"
    for field in _ARGUMENT_FIELDS[type(body)]:
        value = getattr(body, field)
        arguments = value if isinstance(value, tuple) else () if value is None else (value,)
        for at, argument in enumerate(arguments):
            for member in _TEXT_MEMBERS.get(argument.kind, (None,)):
                text = argument.value if member is None else getattr(argument.value, member)
                if argument.kind in _TEXT_KINDS:
                    name = field.rstrip("_") if arguments is not value else f"{field}[{at}]"
                    texts[name] = text if isinstance(text, str) else text.decode("utf-8", "replace")
    return texts
