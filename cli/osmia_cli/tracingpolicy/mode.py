"""The mode that a policy's text asks for, changed in place: comments and layout stay."""

from __future__ import annotations

from typing import Any

import yaml

from osmia_api.yaml_document import YamlError, parse_document

_OPTION = "policy-mode"


class ModeError(ValueError):
    """A text in which the mode cannot be set; the message says why."""


def set_mode_in(text: str, mode: str) -> str:
    """Return the text of a policy with option `policy-mode` set. Raises ModeError."""
    try:
        parse_document(text)
    except YamlError as error:
        message = f"line {error.line}: {error.message}"
        raise ModeError(message) from None
    spec = _value(yaml.compose(text, Loader=yaml.SafeLoader), "spec")
    if not isinstance(spec, yaml.MappingNode):
        raise ModeError("spec: a mapping is needed")
    edited = _edited(text, spec, mode)
    # Whatever the layout was, the result must say what was asked for.
    options = _value(_value(yaml.compose(edited, Loader=yaml.SafeLoader), "spec"), "options")
    if _mode_value(options) is None:
        raise ModeError("spec.options: written in a way that cannot be changed")
    return edited


def _edited(text: str, spec: yaml.MappingNode, mode: str) -> str:
    options = _value(spec, "options")
    if not isinstance(options, yaml.SequenceNode):
        if options is not None and options.value:
            raise ModeError("spec.options: a list is needed")
        if options is not None:
            # A key without a value: the list is put in its place.
            before, after = text[: options.start_mark.index], text[options.end_mark.index :]
            return f'{before} [{{name: {_OPTION}, value: "{mode}"}}]{after}'
        return _inserted(text, spec, f'options: [{{name: {_OPTION}, value: "{mode}"}}]')
    value = _mode_value(options)
    if value is not None:
        return f'{text[: value.start_mark.index]}"{mode}"{text[value.end_mark.index :]}'
    if options.flow_style:
        return _inserted(text, options, f'{{name: {_OPTION}, value: "{mode}"}}')
    return _inserted(text, options, f'- {{name: {_OPTION}, value: "{mode}"}}')


def _inserted(text: str, node: yaml.CollectionNode, item: str) -> str:
    """Put an item before the first of a collection."""
    at = node.start_mark.index
    if node.flow_style:
        comma = ", " if node.value else ""
        return f"{text[: at + 1]}{item}{comma}{text[at + 1 :]}"
    return f"{text[:at]}{item}\n{' ' * node.start_mark.column}{text[at:]}"


def _mode_value(options: Any) -> yaml.ScalarNode | None:
    """Return the value of option `policy-mode` in a list of options."""
    if isinstance(options, yaml.SequenceNode):
        for option in options.value:
            name, value = _value(option, "name"), _value(option, "value")
            if isinstance(value, yaml.ScalarNode) and getattr(name, "value", None) == _OPTION:
                return value
    return None


def _value(node: Any, key: str) -> Any:
    if isinstance(node, yaml.MappingNode):
        for each, value in node.value:
            if each.value == key:
                return value
    return None
