"""Filters of an ExportConfig, in the shape that the API server checks.

What they mean, and whether an expression is valid, is checked by the export pipeline's own
configuration, which reads the same objects.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from osmia_api.resource.base import Bool, OrAbsent, ResourceModel, Rule, Text, Uint63

EventTypeName = Literal[
    "PROCESS_EXEC",
    "PROCESS_EXIT",
    "PROCESS_KPROBE",
    "PROCESS_TRACEPOINT",
    "PROCESS_LOADER",
    "PROCESS_UPROBE",
    "PROCESS_THROTTLE",
    "PROCESS_LSM",
    "PROCESS_USDT",
    "PROCESS_CONNECT",
    "PROCESS_CLOSE",
    "PROCESS_TRACAEPOINT",
    "RATE_LIMIT_INFO",
    "UNDEF",
    "TEST",
]
"""Names of event types, with those that only older documents know."""

MAX_FILTERS = 1000


class CapabilitySetFilter(ResourceModel):
    """What one capability set of a process must hold."""

    any: tuple[Text, ...] = ()
    """At least one of these, such as CAP_SYS_ADMIN."""
    all: tuple[Text, ...] = ()
    """All of these."""
    exactly: tuple[Text, ...] = ()
    """These and no others."""
    none: tuple[Text, ...] = ()
    """None of these."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="[has(self.any), has(self.all), has(self.exactly), has(self.none)]"
            ".filter(given, given).size() == 1",
            message="exactly one of any, all, exactly and none must be given",
            holds=lambda given: len(given.model_fields_set) == 1,
        ),
    )


class CapabilitiesFilter(ResourceModel):
    """Capability sets that must all hold."""

    permitted: OrAbsent[CapabilitySetFilter] = None
    """The permitted set."""
    effective: OrAbsent[CapabilitySetFilter] = None
    """The effective set."""
    inheritable: OrAbsent[CapabilitySetFilter] = None
    """The inheritable set."""


class ExportFilter(ResourceModel):
    """Matches events for which all given conditions hold."""

    event_set: tuple[EventTypeName, ...] = ()
    """Types of events."""
    binary_regex: tuple[Text, ...] = ()
    """Regular expressions (RE2) of which one is found in the path of the binary."""
    namespace: tuple[Text, ...] = ()
    """Namespaces of pods; the empty text stands for processes outside pods."""
    namespace_regex: tuple[Text, ...] = ()
    """Regular expressions (RE2) of which one is found in the namespace of the pod."""
    health_check: OrAbsent[Bool] = None
    """Whether the process or its parent is a liveness or readiness probe of its pod."""
    pid: tuple[Uint63, ...] = ()
    """Process ids."""
    pid_set: tuple[Uint63, ...] = ()
    """Process ids, descendants included."""
    pod_regex: tuple[Text, ...] = ()
    """Regular expressions (RE2) of which one is found in the name of the pod."""
    arguments_regex: tuple[Text, ...] = ()
    """Regular expressions (RE2) of which one is found in the arguments of the process."""
    labels: tuple[Text, ...] = ()
    """Selectors of pod labels, such as app=web,tier in (a, b). Never match outside pods."""
    policy_names: tuple[Text, ...] = ()
    """Names of tracing policies."""
    capabilities: OrAbsent[CapabilitiesFilter] = None
    """Capabilities of the process; needs an agent with --enable-process-cred."""
    parent_binary_regex: tuple[Text, ...] = ()
    """Regular expressions (RE2) of which one is found in the path of the parent's binary."""
    parent_arguments_regex: tuple[Text, ...] = ()
    """Regular expressions (RE2) of which one is found in the arguments of the parent."""
    ancestor_binary_regex: tuple[Text, ...] = ()
    """Regular expressions (RE2) of which one is found in the path of an ancestor's binary; needs an
    agent with --enable-ancestors."""
    cel_expression: tuple[Text, ...] = ()
    """CEL expressions over the event, of which one is true."""
    container_id: tuple[Text, ...] = ()
    """Regular expressions (RE2) of which one is found in the first 31 characters of the container's
    id, which is empty for processes outside containers."""
    container_name_regex: tuple[Text, ...] = ()
    """Regular expressions (RE2) of which one is found in the name of the container."""
    in_init_tree: OrAbsent[Bool] = None
    """Whether the process descends from the container's first process."""


class FieldFilter(ResourceModel):
    """Fields that events keep or lose."""

    event_set: tuple[EventTypeName, ...] = ()
    """Types of events that the filter is for; none stands for all."""
    invert_event_set: Bool = False
    """Apply the filter to all types but those of eventSet."""
    fields: tuple[Text, ...] = ()
    """Paths of fields, such as process.binary and process.pod.name."""
    action: Literal["INCLUDE", "EXCLUDE"] = "INCLUDE"
    """INCLUDE keeps only these fields, EXCLUDE drops them. Absent: INCLUDE."""


class RedactionFilter(ResourceModel):
    """Strings that are replaced by ***** before anything else sees an event."""

    redact: Annotated[tuple[Text, ...], Field(min_length=1)]
    """Regular expressions (RE2); what their groups ( ) match is replaced."""
    binary_regex: tuple[Text, ...] = ()
    """Regular expressions (RE2) over the path of the binary that the filter is for; none: all."""
