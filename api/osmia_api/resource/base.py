"""What all models of resources have in common: how names, nulls and rules are treated.

The treatment is that of the API server for custom resources, and of upstream for policy files:

- null is an error, except where a field has a default of the schema: it then means the default;
- an unknown field is an error (as with kubectl);
- a name in another case is taken for the field, as upstream does with files, unless the field is
  required: the schema looks for required names exactly.

What an absent field reads as is often only its zero value (``""``, 0, false, an empty list). Fields
whose default the schema states are marked `Defaulted`.

pydantic reads annotations when a class is made: the modules of models do not postpone them.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, NamedTuple, Self, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictStr,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

Text = StrictStr
Bool = StrictBool
Int32 = Annotated[
    int, Field(strict=True, ge=-(2**31), le=2**31 - 1, json_schema_extra={"format": "int32"})
]
# Upstream reads these as unsigned, its schema bounds them as signed: both bounds hold.
Uint31 = Annotated[
    int, Field(strict=True, ge=0, le=2**31 - 1, json_schema_extra={"format": "int32"})
]
Uint63 = Annotated[
    int, Field(strict=True, ge=0, le=2**63 - 1, json_schema_extra={"format": "int64"})
]

T = TypeVar("T")


def _reject_null(value: object) -> object:
    if value is None:
        raise PydanticCustomError("null", "null is no value here")
    return value


OrAbsent = Annotated[T | None, BeforeValidator(_reject_null)]
"""A field that may be absent, which reads as None, but not be given as null."""


class _StatedDefault:
    """Marks a field whose default the schema states."""


Defaulted = Annotated[T, _StatedDefault()]
"""A field whose default the schema states: the API server fills it in, also for null."""


def states_default(info: FieldInfo) -> bool:
    """Tell whether the schema states the field's default."""
    return any(isinstance(mark, _StatedDefault) for mark in info.metadata)


class Rule(NamedTuple):
    """A condition between fields, for the API server (in CEL) and for `load_policy`.

    Without `cel` it is one that the API server checks anyway, in metadata.
    """

    cel: str | None
    message: str
    holds: Callable[[Any], bool]


class ResourceModel(BaseModel):
    """Base of the models: immutable, camelCase outside, snake_case inside."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        frozen=True,
        defer_build=True,  # the models of a resource are built once, within its own
    )
    rules: ClassVar[tuple[Rule, ...]] = ()

    def has(self, name: str) -> bool:
        """Whether the field was given, which `has()` of CEL tells; not for fields with defaults."""
        return name in self.model_fields_set

    @classmethod
    def fields_by_alias(cls) -> dict[str, FieldInfo]:
        """Return the fields under their names in YAML."""
        return {info.alias or name: info for name, info in cls.model_fields.items()}

    @model_validator(mode="before")
    @classmethod
    def _read_names_and_nulls(cls, data: object) -> object:
        if not isinstance(data, Mapping):
            return data
        fields = cls.fields_by_alias()
        if data.keys() <= fields.keys() and None not in data.values():
            return data
        optional = {a.casefold(): a for a, info in fields.items() if not info.is_required()}
        read: dict[object, object] = {}
        for name, value in data.items():
            alias = name
            if isinstance(name, str) and name not in fields:
                alias = optional.get(name.casefold(), name)
            if alias in read or (alias != name and alias in data):
                raise PydanticCustomError("twice", f"{alias} is given twice, in different case")
            if value is None and alias in fields and states_default(fields[alias]):
                continue
            read[alias] = value
        return read

    @model_validator(mode="after")
    def _check_rules(self) -> Self:
        broken = [rule.message for rule in self.rules if not rule.holds(self)]
        if broken:
            raise PydanticCustomError("rule", "{broken}", {"broken": "; ".join(broken)})
        return self
