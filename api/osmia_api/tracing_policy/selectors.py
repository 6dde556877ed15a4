"""Selectors: which calls of a hook matter, and what to do about them."""

from typing import Literal

from pydantic import Field

from osmia_api.resource.base import Bool, Defaulted, OrAbsent, ResourceModel, Text, Uint31
from osmia_api.resource.label_selector import HostSelector, LabelSelector
from osmia_api.tracing_policy.actions import Action

ArgumentOperator = Literal[
    "Equal",
    "NotEqual",
    "Prefix",
    "NotPrefix",
    "Postfix",
    "NotPostfix",
    "GreaterThan",
    "LessThan",
    "GT",
    "LT",
    "Mask",
    "SPort",
    "NotSPort",
    "SPortPriv",
    "NotSportPriv",
    "DPort",
    "NotDPort",
    "DPortPriv",
    "NotDPortPriv",
    "SAddr",
    "NotSAddr",
    "DAddr",
    "NotDAddr",
    "Protocol",
    "Family",
    "State",
    "InMap",
    "NotInMap",
    "CapabilitiesGained",
    "InRange",
    "NotInRange",
    "SubString",
    "SubStringIgnCase",
    "CelExpr",
    "FileType",
    "NotFileType",
]
BinaryOperator = Literal["In", "NotIn", "Prefix", "NotPrefix", "Postfix", "NotPostfix"]
SetOperator = Literal["In", "NotIn"]
NamespaceName = Literal[
    "Uts",
    "Ipc",
    "Mnt",
    "Pid",
    "PidForChildren",
    "Net",
    "Time",
    "TimeForChildren",
    "Cgroup",
    "User",
]
CapabilitySet = Literal["Effective", "Inheritable", "Permitted"]


class ArgumentSelector(ResourceModel):
    """A condition on an argument."""

    operator: ArgumentOperator
    """How the argument relates to values. Of several values one must fit; with Not, none may."""
    index: Uint31 = 0
    """The index of the argument in the hook's args."""
    args: tuple[Uint31, ...] = ()
    """Places of arguments in the hook's args, from 0. Given, they go before index."""
    values: tuple[Text, ...] = ()
    """Values to compare with, as text."""


class BinarySelector(ResourceModel):
    """A condition on the path of a running binary."""

    operator: BinaryOperator
    """How the path relates to values."""
    values: tuple[Text, ...]
    """Absolute paths, or their beginnings or ends."""
    follow_children: Defaulted[Bool] = False
    """Match children of a matching process as well (In and NotIn)."""


class PidSelector(ResourceModel):
    """A condition on the process id."""

    operator: SetOperator
    """Whether the id must be among values, or must not."""
    values: tuple[Uint31, ...]
    """Process ids."""
    follow_forks: Defaulted[Bool] = False
    """Match descendants of a matching process as well."""
    is_namespace_pid: Defaulted[Bool] = Field(default=False, alias="isNamespacePID")
    """The ids are those of the process's own PID namespace, not the host's."""


class NamespaceSelector(ResourceModel):
    """A condition on a namespace that the process is in."""

    namespace: NamespaceName
    """Kind of namespace."""
    operator: SetOperator
    """Whether the namespace must be among values, or must not."""
    values: tuple[Text, ...]
    """Inode numbers of namespaces, or host_ns."""


class NamespaceChangesSelector(ResourceModel):
    """A condition on namespaces that changed since the process began to run its binary."""

    operator: SetOperator
    """Whether one of values must have changed, or one that is not among them."""
    values: tuple[Text, ...]
    """Kinds of namespaces, such as Mnt or Pid."""


class CapabilitySelector(ResourceModel):
    """A condition on the capabilities of the process."""

    type: Defaulted[CapabilitySet] = "Effective"
    """Set of capabilities to look at."""
    operator: SetOperator
    """Whether one of values must be in the set, or none may."""
    values: tuple[Text, ...]
    """Names of capabilities, such as CAP_SYS_ADMIN."""
    is_namespace_capability: Defaulted[Bool] = False
    """Look only at processes in another user namespace than the host's."""


class WorkloadSelector(ResourceModel):
    """Which workloads a selector applies to."""

    pod_selector: OrAbsent[LabelSelector] = None
    """Pods, by their labels."""
    container_selector: OrAbsent[LabelSelector] = None
    """Containers, by name and repo."""
    host_selector: OrAbsent[HostSelector] = None
    """Host processes: {} for all of them."""


class Selector(ResourceModel):
    """Conditions that must all hold, and the actions that follow."""

    label: Text = ""
    """Name of the selector in statistics."""
    macros: tuple[Text, ...] = ()
    """Names of spec.selectorsMacros whose fields are put in here."""
    match_args: tuple[ArgumentSelector, ...] = ()
    """Conditions on arguments."""
    match_data: tuple[ArgumentSelector, ...] = ()
    """Conditions on data; index is the place in the hook's data."""
    match_return_args: tuple[ArgumentSelector, ...] = ()
    """Conditions on the return value."""
    match_pids: tuple[PidSelector, ...] = Field(default=(), alias="matchPIDs")
    """Conditions on the process id."""
    match_binaries: tuple[BinarySelector, ...] = Field(default=(), max_length=1)
    """Condition on the running binary."""
    match_parent_binaries: tuple[BinarySelector, ...] = Field(default=(), max_length=1)
    """Condition on the parent's binary."""
    match_namespaces: tuple[NamespaceSelector, ...] = ()
    """Conditions on namespaces."""
    match_namespace_changes: tuple[NamespaceChangesSelector, ...] = ()
    """Conditions on changed namespaces."""
    match_capabilities: tuple[CapabilitySelector, ...] = ()
    """Conditions on capabilities."""
    match_capability_changes: tuple[CapabilitySelector, ...] = ()
    """Conditions on capabilities that changed since the process began to run its binary."""
    match_workloads: OrAbsent[WorkloadSelector] = None
    """Workloads that this selector applies to."""
    match_actions: tuple[Action, ...] = ()
    """What to do. Without actions an event is posted."""
    match_return_actions: tuple[Action, ...] = ()
    """What to do when the function returns."""
