"""Configuration of export pipelines: the one model behind flags, Helm values and ExportConfig.

Flags and Helm values give each list as JSON objects, one a line (or merely one after another);
ExportConfig gives them as lists. Both spellings of a name are known, `binary_regex` and
`binaryRegex`, and a single value stands for a list of one. Whatever is wrong is reported at once,
with its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from typing import Annotated, Any, TypeVar

import pydantic
from pydantic import BeforeValidator, ConfigDict, Field, StrictBool
from pydantic.alias_generators import to_camel

from osmia_events.config_errors import ConfigError, Problem, problems_of
from osmia_events.config_values import (
    CapabilityNumber,
    CelExpression,
    EventsPerMinute,
    EventTypeNumber,
    FieldPaths,
    ListOf,
    Pid,
    RedactingRegex,
    Regex,
    Selector,
    as_list,
    meant,
    member,
    shown,
)
from osmia_events.json_objects import JsonObject, JsonObjectError, read_objects
from osmia_events.node_features import NodeFeatures

_Model = TypeVar("_Model", bound=pydantic.BaseModel)


class _Config(pydantic.BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True
    )

    @pydantic.model_validator(mode="before")
    @classmethod
    def _known_names(cls, data: object) -> object:
        if not isinstance(data, Mapping):
            return data
        spellings = {name: name for name in cls.model_fields}
        spellings |= {to_camel(name): name for name in cls.model_fields}
        given: dict[str, str] = {}
        for key in data:
            if key not in spellings:
                raise ValueError(f"unknown field {shown(key)}{meant(str(key), spellings)}")
            twin = given.setdefault(spellings[key], key)
            if twin != key:
                raise ValueError(f"{twin} and {key} are the same field: give one")
        return data


class CapabilitySetConfig(_Config):
    """What one capability set of a process must hold: exactly one of the lists is given."""

    any: ListOf[CapabilityNumber] = ()
    all: ListOf[CapabilityNumber] = ()
    exactly: ListOf[CapabilityNumber] = ()
    none: ListOf[CapabilityNumber] = ()

    @pydantic.model_validator(mode="after")
    def _one_list(self) -> CapabilitySetConfig:
        given = sum(map(bool, (self.any, self.all, self.exactly, self.none)))
        if given != 1:
            raise ValueError(f"needs exactly one of any, all, exactly, none; {given} are given")
        return self


class CapabilitiesConfig(_Config):
    """Capability sets that must all hold; without any, that the process's are known."""

    permitted: CapabilitySetConfig | None = None
    effective: CapabilitySetConfig | None = None
    inheritable: CapabilitySetConfig | None = None


class FilterConfig(_Config):
    """One filter of an allow or deny list: conditions that must all hold, each if given."""

    binary_regex: ListOf[Regex] = ()
    namespace: ListOf[str] = ()
    health_check: StrictBool | None = None
    pid: ListOf[Pid] = ()
    pid_set: ListOf[Pid] = ()
    event_set: ListOf[EventTypeNumber] = ()
    pod_regex: ListOf[Regex] = ()
    arguments_regex: ListOf[Regex] = ()
    labels: ListOf[Selector] = ()
    policy_names: ListOf[str] = ()
    capabilities: CapabilitiesConfig | None = None
    parent_binary_regex: ListOf[Regex] = ()
    cel_expression: ListOf[CelExpression] = ()
    parent_arguments_regex: ListOf[Regex] = ()
    container_id: ListOf[Regex] = ()
    in_init_tree: StrictBool | None = None
    ancestor_binary_regex: ListOf[Regex] = ()
    container_name_regex: ListOf[Regex] = ()
    namespace_regex: ListOf[Regex] = ()

    @pydantic.model_validator(mode="after")
    def _has_what_it_needs(self, info: pydantic.ValidationInfo) -> FilterConfig:
        features = NodeFeatures() if info.context is None else info.context
        if self.capabilities is not None and not features.process_cred:
            raise ValueError("capabilities: no process has them without --enable-process-cred")
        if self.ancestor_binary_regex:
            missing = features.missing_ancestors(self.event_set)
            if missing:
                raise ValueError(
                    "ancestor_binary_regex: no ancestors are known without --enable-ancestors "
                    + ",".join(missing)
                )
        return self


class FieldFilterAction(IntEnum):
    """What a field filter does with the fields that it names."""

    INCLUDE = 0
    EXCLUDE = 1


def _action(value: object) -> object:
    names = FieldFilterAction.__members__
    number = 0 if value is None else member(value, names, "action")
    if number not in names.values():
        raise ValueError(f"unknown action: {number}; known are {', '.join(names)}")
    return FieldFilterAction(number)


class FieldFilterConfig(_Config):
    """Fields that the events of some types keep or lose."""

    event_set: ListOf[EventTypeNumber] = ()
    fields: FieldPaths = ()
    action: Annotated[FieldFilterAction, BeforeValidator(_action)] = FieldFilterAction.INCLUDE
    invert_event_set: StrictBool | None = None


class RedactionFilterConfig(_Config):
    """Patterns whose capture groups are redacted, in processes of some binaries or of all."""

    match: Any = Field(default=None, exclude=True)
    """Deprecated by the contract and without effect."""
    redact: ListOf[RedactingRegex] = ()
    binary_regex: ListOf[Regex] = ()


class Mode(StrEnum):
    """Whether a pipeline exports, or only counts what it would."""

    ACTIVE = "Active"
    DRY_RUN = "DryRun"


def _filter_objects(value: object) -> object:
    """Take a text, as in Helm values, for its JSON objects."""
    if isinstance(value, str):
        return [each.value for each in read_objects(value)]
    return as_list(value)


class PipelineConfig(_Config):
    """One export pipeline."""

    allow_list: Annotated[tuple[FilterConfig, ...], BeforeValidator(_filter_objects)] = ()
    deny_list: Annotated[tuple[FilterConfig, ...], BeforeValidator(_filter_objects)] = ()
    field_filters: Annotated[tuple[FieldFilterConfig, ...], BeforeValidator(_filter_objects)] = ()
    redaction_filters: Annotated[
        tuple[RedactionFilterConfig, ...], BeforeValidator(_filter_objects)
    ] = ()
    rate_limit: EventsPerMinute = -1
    """Events per minute; -1 is no limit, 0 exports nothing."""
    mode: Mode = Mode.ACTIVE


def parse_pipeline(
    config: object, source: str = "", path: str = "", features: NodeFeatures | None = None
) -> PipelineConfig:
    """Validate a pipeline given as a JSON object or as its text. Raises ConfigError.

    `source` (a file or an option) and `path` (`spec`) name the place of the object in errors.
    """
    if isinstance(config, str | bytes):
        objects = _read(config, source)
        if len(objects) != 1:
            raise ConfigError([Problem(source, f"one JSON object is needed, not {len(objects)}")])
        config = objects[0].value
    return _validated(PipelineConfig, config, source, path, features)


def parse_filters(
    text: str | bytes, source: str = "", features: NodeFeatures | None = None
) -> tuple[FilterConfig, ...]:
    """Parse an allow or deny list, one JSON object a line. Raises ConfigError."""
    return _parse_list(FilterConfig, text, source, features)


def parse_field_filters(text: str | bytes, source: str = "") -> tuple[FieldFilterConfig, ...]:
    """Parse field filters, one JSON object a line. Raises ConfigError."""
    return _parse_list(FieldFilterConfig, text, source)


def parse_redaction_filters(
    text: str | bytes, source: str = ""
) -> tuple[RedactionFilterConfig, ...]:
    """Parse redaction filters, one JSON object a line. Raises ConfigError."""
    return _parse_list(RedactionFilterConfig, text, source)


def _parse_list(
    model: type[_Model], text: str | bytes, source: str, features: NodeFeatures | None = None
) -> tuple[_Model, ...]:
    parsed: list[_Model] = []
    problems: list[Problem] = []
    for line, value in _read(text, source):
        try:
            parsed.append(_validated(model, value, _place(source, line), "", features))
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    return tuple(parsed)


def _read(text: str | bytes, source: str) -> list[JsonObject]:
    try:
        return list(read_objects(text))
    except JsonObjectError as error:
        raise ConfigError([Problem(_place(source, error.line), error.reason)]) from None


def _place(source: str, line: int) -> str:
    return f"{source} line {line}".lstrip()


def _validated(
    model: type[_Model], value: object, place: str, path: str, features: NodeFeatures | None
) -> _Model:
    try:
        return model.model_validate(value, context=features)
    except pydantic.ValidationError as error:
        raise ConfigError(problems_of(error, place, path)) from None
