"""Metadata of an object, checked as the API server checks it.

Upstream takes numbers and booleans for text here (``name: 5``), and null for an absent field.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from osmia_api.resource.base import Bool, ResourceModel, Rule, Text

MAX_ANNOTATION_BYTES = 256 * 1024

_DNS_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_DNS_SUBDOMAIN = rf"{_DNS_LABEL}(\.{_DNS_LABEL})*"
_WORD = r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?"
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[-+]\d\d:\d\d)")


def _to_text(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def _check(valid: bool, requirement: str) -> None:
    if not valid:
        raise PydanticCustomError("name", "{requirement}", {"requirement": requirement})


def _dns_subdomain(text: str) -> str:
    _check(
        len(text) <= 253 and re.fullmatch(_DNS_SUBDOMAIN, text) is not None,
        "must be at most 253 lower case letters, digits, - and ., with a letter or digit at both"
        " ends and around each .",
    )
    return text


def _non_empty(text: str) -> str:
    _check(text != "", "must not be empty")
    return text


def _name(text: str) -> str:
    return _dns_subdomain(text) if text else text


def _generate_name(text: str) -> str:
    # A random suffix follows; the API server takes a letter for the last two characters.
    if text:
        _dns_subdomain(f"{text[:-2]}a" if len(text) > 1 and text.endswith("-") else text)
    return text


def _namespace(text: str) -> str:
    _check(text != "", "must name the namespace")
    _check(
        len(text) <= 63 and re.fullmatch(_DNS_LABEL, text) is not None,
        "must be at most 63 lower case letters, digits and -, with a letter or digit at both ends",
    )
    return text


def _no_namespace(text: str) -> str:
    _check(text == "", "must be absent: a TracingPolicy belongs to no namespace")
    return text


def _qualified_name(text: str) -> str:
    prefix, slash, name = text.rpartition("/")
    _check(
        len(name) <= 63
        and re.fullmatch(_WORD, name) is not None
        and (
            not slash or (len(prefix) <= 253 and re.fullmatch(_DNS_SUBDOMAIN, prefix) is not None)
        ),
        "must be [DOMAIN/]NAME with a name of at most 63 letters, digits, -, _ and ., with a letter"
        " or digit at both ends",
    )
    return text


def _annotation_key(text: str) -> str:
    _qualified_name(text.lower())
    return text


def _label_value(text: str) -> str:
    _check(
        len(text) <= 63 and (not text or re.fullmatch(_WORD, text) is not None),
        "must be at most 63 letters, digits, -, _ and ., with a letter or digit at both ends",
    )
    return text


def _timestamp(text: str) -> str:
    _check(not text or _RFC3339.fullmatch(text) is not None, "must be a time as RFC 3339 writes it")
    return text


def _annotations_size(annotations: dict[str, str]) -> dict[str, str]:
    size = sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items())
    _check(size <= MAX_ANNOTATION_BYTES, f"must be at most {MAX_ANNOTATION_BYTES} bytes in all")
    return annotations


MetaText = Annotated[Text, BeforeValidator(_to_text)]
NonEmptyText = Annotated[MetaText, AfterValidator(_non_empty)]
Timestamp = Annotated[MetaText, AfterValidator(_timestamp)]
LabelKey = Annotated[MetaText, AfterValidator(_qualified_name)]
LabelValue = Annotated[MetaText, AfterValidator(_label_value)]
AnnotationKey = Annotated[MetaText, AfterValidator(_annotation_key)]
Finalizer = Annotated[MetaText, AfterValidator(_qualified_name)]
Int64 = Annotated[int, Field(strict=True, ge=-(2**63), le=2**63 - 1)]
Generation = Annotated[int, Field(strict=True, ge=0, le=2**63 - 1)]


class _MetadataModel(ResourceModel):
    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, data: object) -> object:
        if not isinstance(data, Mapping):
            return data
        known = {alias.casefold() for alias in cls.fields_by_alias()}
        return {
            name: value
            for name, value in data.items()
            if value is not None or not isinstance(name, str) or name.casefold() not in known
        }


class OwnerReference(_MetadataModel):
    """The object that this one belongs to, and is deleted with."""

    api_version: NonEmptyText
    kind: NonEmptyText
    name: NonEmptyText
    uid: NonEmptyText
    controller: Bool = False
    block_owner_deletion: Bool = False


class ObjectMeta(_MetadataModel):
    """Metadata of any object."""

    name: Annotated[MetaText, AfterValidator(_name)] = ""
    generate_name: Annotated[MetaText, AfterValidator(_generate_name)] = ""
    labels: dict[LabelKey, LabelValue] = Field(default_factory=dict)
    annotations: Annotated[dict[AnnotationKey, MetaText], AfterValidator(_annotations_size)] = (
        Field(default_factory=dict)
    )
    finalizers: tuple[Finalizer, ...] = ()
    owner_references: tuple[OwnerReference, ...] = ()
    uid: MetaText = ""
    resource_version: MetaText = ""
    generation: Generation = 0
    creation_timestamp: Timestamp = ""
    deletion_timestamp: Timestamp = ""
    deletion_grace_period_seconds: Int64 = 0
    self_link: MetaText = ""
    managed_fields: tuple[dict[str, Any], ...] = ()

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=None,
            message="name is required",
            holds=lambda meta: bool(meta.name or meta.generate_name),
        ),
        Rule(
            cel=None,
            message="at most one of ownerReferences may be the controller",
            holds=lambda meta: sum(o.controller for o in meta.owner_references) <= 1,
        ),
    )


class ClusterMetadata(ObjectMeta):
    """Metadata of an object of the cluster."""

    namespace: Annotated[MetaText, AfterValidator(_no_namespace)] = ""


class NamespacedMetadata(ObjectMeta):
    """Metadata of an object of a namespace."""

    namespace: Annotated[MetaText, AfterValidator(_namespace)]
