"""One YAML document as plain JSON values, read the way kubectl and upstream read it.

Both use the YAML to JSON conversion of the Kubernetes project: YAML 1.1 scalars (``on`` and ``y``
are true, ``010`` is eight) with some of 1.2 (``0o10``), timestamps stay text, keys become text, and
a whole number stays whole however it is written (``1.0``, ``1e3``). PyYAML resolves several of
these otherwise, so only its event parser is used here. Places are kept, so that an error found in
the values can name its line.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_DEPTH = 100
MAX_NODES = 500_000  # with aliases expanded: "billion laughs" ends here

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_TAG_PREFIX = "tag:yaml.org,2002:"
_WORDS: dict[str, bool | float | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(
        ("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True
    ),
    **dict.fromkeys(
        ("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False
    ),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_INTEGERS = (
    (re.compile(r"[-+]?0[xX][0-9a-fA-F]+"), 16),
    (re.compile(r"[-+]?0[bB][01]+"), 2),
    (re.compile(r"[-+]?0[oO]?[0-7]+"), 8),
    (re.compile(r"[-+]?(0|[1-9][0-9]*)"), 10),
)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WHOLE_LIMIT = 1e21  # from here on JSON writes an exponent, and the number counts as a fraction


class YamlError(ValueError):
    """A text is not one YAML document that JSON could express; `line` counts from 1."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


class Node(NamedTuple):
    """A value with the line of its key (or of itself, in a list) and its children."""

    value: object
    line: int
    size: int
    children: dict[str, Node] | list[Node] | None = None


class Document(NamedTuple):
    """A parsed document: its plain value, and the places in it."""

    root: Node

    @property
    def value(self) -> object:
        """The document as dicts, lists, text, numbers, booleans and None."""
        return self.root.value

    def line(self, path: Sequence[str | int]) -> int:
        """Tell the line of the value at `path`, or of the nearest value around it that exists.

        Names are compared exactly first, then without regard to case.
        """
        node = self.root
        for part in path:
            child = _child(node, part)
            if child is None:
                break
            node = child
        return node.line


def _child(node: Node, part: str | int) -> Node | None:
    children = node.children
    if isinstance(children, list):
        return children[part] if isinstance(part, int) and part < len(children) else None
    if children is None or isinstance(part, int):
        return None
    if part in children:
        return children[part]
    folded = part.casefold()
    return next((child for name, child in children.items() if name.casefold() == folded), None)


def parse_document(text: str | bytes) -> Document:
    """Parse a text that holds exactly one YAML document.

    Raises YamlError for text that is not YAML, for duplicate keys, for what JSON cannot express,
    and for a second document (upstream would silently leave it out). An empty text is null.
    """
    try:
        events = yaml.parse(text, Loader=_Loader)
        return Document(_Composer(events).document())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        what = error.problem or error.context or "unreadable"
        # libyaml 0.2.6 has a limit of its own, far above ours, before it gives the first event.
        if what == "exceeded maximum nesting depth":
            raise _too_deep(line) from None
        raise YamlError(f"not valid YAML: {what}", line) from None
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        line = before.count("\n") if isinstance(before, str) else before.count(b"\n")
        raise YamlError(f"not valid YAML: {error.reason}", line + 1) from None
    except (UnicodeEncodeError, UnicodeDecodeError) as error:
        raise YamlError(f"not valid YAML: not Unicode text: {error.reason}", 1) from None


class _Composer:
    """Builds nodes from parser events, by recursive descent with a bounded depth.

    Which kind of event comes next is known from its place, but not to PyYAML's types.
    """

    def __init__(self, events: Iterator[Any]) -> None:
        self._events = events
        self._anchors: dict[str, Node] = {}

    def document(self) -> Node:
        next(self._events)  # the start of the stream
        root: Node | None = None
        while not isinstance(event := next(self._events), yaml.StreamEndEvent):
            node = self._node(next(self._events), depth=0)
            next(self._events)  # the end of the document
            if root is None or root.value is None:
                root = node
            elif node.value is not None:
                line = event.start_mark.line + 1
                raise YamlError("a second document begins here; expected one", line)
            self._anchors.clear()
        return root or Node(None, 1, 1)

    def _node(self, event: Any, depth: int) -> Node:
        line = event.start_mark.line + 1
        if depth > MAX_DEPTH:
            raise _too_deep(line)
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise YamlError(f"*{event.anchor} has no anchor, or is part of it", line)
            return self._anchors[event.anchor]._replace(line=line)
        if isinstance(event, yaml.ScalarEvent):
            node = Node(_scalar(event, line), line, 1)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self._sequence(line, depth)
        else:
            node = self._mapping(line, depth)
        if node.size > MAX_NODES:
            raise YamlError(f"more than {MAX_NODES} values, aliases included", line)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _sequence(self, line: int, depth: int) -> Node:
        items: list[Node] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event, depth + 1))
        size = 1 + sum(item.size for item in items)
        return Node([item.value for item in items], line, size, items)

    def _mapping(self, line: int, depth: int) -> Node:
        entries: dict[str, Node] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key_line = event.start_mark.line + 1
            key = self._node(event, depth + 1)
            value = self._node(next(self._events), depth + 1)
            if isinstance(event, yaml.ScalarEvent) and event.value == "<<" and event.implicit[0]:
                additions = _merged(value, key_line)
            else:
                additions = {_key_text(key): value._replace(line=key_line)}
            for name, node in additions.items():
                if name in entries:
                    first = entries[name].line
                    raise YamlError(f'"{name}" is given twice, first in line {first}', key_line)
                entries[name] = node
        size = 1 + sum(node.size for node in entries.values())
        return Node({name: node.value for name, node in entries.items()}, line, size, entries)


def _merged(node: Node, line: int) -> dict[str, Node]:
    """Return the entries that a merge key brings in: of a mapping, or of a list of mappings."""
    sources = node.children if isinstance(node.children, list) else [node]
    entries: dict[str, Node] = {}
    for source in sources:
        if not isinstance(source.children, dict):
            raise YamlError("<< must be followed by a mapping or a list of mappings", line)
        for name, entry in source.children.items():
            if name in entries:
                raise YamlError(f'"{name}" is merged in twice', line)
            entries[name] = entry
    return entries


def _key_text(key: Node) -> str:
    if isinstance(key.value, str):
        return key.value
    if isinstance(key.value, bool):
        return "true" if key.value else "false"
    if isinstance(key.value, int | float):
        return str(key.value)
    raise YamlError("a key must be text, a number or a boolean", key.line)


def _scalar(event: yaml.ScalarEvent, line: int) -> object:
    if event.tag is None:
        return _json_number(_resolve(event.value), line) if event.implicit[0] else event.value
    kind = event.tag.removeprefix(_TAG_PREFIX)
    if kind == event.tag or kind in ("str", "timestamp"):
        return event.value
    if kind == "binary":
        return _binary(event.value, line)
    value = _resolve(event.value)
    expected: dict[str, tuple[type, ...]] = {
        "null": (type(None),),
        "bool": (bool,),
        "int": (int,),
        "float": (int, float),
    }
    fits = isinstance(value, expected.get(kind, ()))
    if not fits or (isinstance(value, bool) and kind != "bool"):
        raise YamlError(f"the value does not fit its tag !!{kind}", line)
    return _json_number(value, line)


def _binary(text: str, line: int) -> str:
    try:
        return base64.b64decode("".join(text.split()), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise YamlError("!!binary must be base64 of UTF-8 text", line) from None


def _resolve(text: str) -> object:
    """Tell the value that a plain scalar stands for."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    if text[0] != ".":
        text_without_separators = text.replace("_", "")
        for pattern, base in _INTEGERS:
            if pattern.fullmatch(text_without_separators):
                number = _integer(text_without_separators, base)
                return text if number is None else number
    else:
        text_without_separators = text
    if _FLOAT.fullmatch(text_without_separators):
        number_with_fraction = float(text_without_separators)
        return text if math.isinf(number_with_fraction) else number_with_fraction
    return text


def _integer(text: str, base: int) -> int | float | None:
    """Read an integer of 64 bits; a longer one is a float if it is decimal, else text (None)."""
    negative = text.startswith("-")
    digits = text.lstrip("+-")
    if base != 10:
        digits = digits[1:].lstrip("xXbBoO")
    if len(digits) > 4000:  # the interpreter refuses longer conversions, and no float is as large
        return None
    number = int(digits, base)
    if negative:
        number = -number
    if -(2**63) <= number < 2**63 or (0 <= number < 2**64 and text[0] != "+"):
        return number
    if base != 10:
        return None
    as_float = float(text) if len(digits) < 400 else math.inf
    return None if math.isinf(as_float) else as_float


def _json_number(value: object, line: int) -> object:
    if not isinstance(value, float):
        return value
    if not math.isfinite(value):
        raise YamlError("infinities and NaN cannot be expressed in JSON", line)
    return int(value) if value.is_integer() and abs(value) < _WHOLE_LIMIT else value


def _too_deep(line: int) -> YamlError:
    return YamlError(f"nested more than {MAX_DEPTH} levels deep", line)
