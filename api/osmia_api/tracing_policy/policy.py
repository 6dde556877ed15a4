"""TracingPolicy and TracingPolicyNamespaced of ``cilium.io/v1alpha1``."""

from typing import ClassVar, Literal

from pydantic import Field

from osmia_api.resource.base import Bool, OrAbsent, ResourceModel, Rule, Text
from osmia_api.resource.label_selector import HostSelector, LabelSelector
from osmia_api.resource.metadata import ClusterMetadata, NamespacedMetadata
from osmia_api.resource.status import ResourceStatus
from osmia_api.tracing_policy.hooks import Kprobe, LsmHook, Tracepoint, Uprobe, Usdt
from osmia_api.tracing_policy.selectors import Selector

GROUP = "cilium.io"
VERSION = "v1alpha1"

ListType = Literal["syscalls", "generated_syscalls", "generated_ftrace"]


class ListSpec(ResourceModel):
    """Functions or system calls under one name."""

    name: Text
    """Name of the list, for list:NAME."""
    type: OrAbsent[ListType] = None
    """Absent: values are functions. syscalls: values are system calls; generated_syscalls: all
    system calls; generated_ftrace: functions that match pattern."""
    values: tuple[Text, ...] = ()
    """Functions, or system calls such as sys_openat or i386/sys_dup."""
    pattern: Text = ""
    """Regular expression over the functions that the kernel can trace."""
    validated: Bool = False
    """Reserved; has no effect in a policy."""


class Enforcer(ResourceModel):
    """Calls that NotifyEnforcer can override."""

    calls: tuple[Text, ...]
    """System calls, security_ functions, or list:NAME."""


class Option(ResourceModel):
    """A setting of this policy."""

    name: Text
    """policy-mode, override-method, disable-kprobe-multi, disable-uprobe-multi or
    sleepable-preload-size."""
    value: Text = ""
    """Its value; for policy-mode, enforce or monitor."""


class TracingPolicySpec(ResourceModel):
    """What to watch, where, and what to do about it."""

    kprobes: tuple[Kprobe, ...] = ()
    """Kernel functions and system calls."""
    fentries: tuple[Kprobe, ...] = ()
    """Kernel functions, through fentry."""
    tracepoints: tuple[Tracepoint, ...] = ()
    """Tracepoints of the kernel."""
    uprobes: tuple[Uprobe, ...] = ()
    """Places in binaries and libraries."""
    usdts: tuple[Usdt, ...] = ()
    """Static probes in binaries and libraries."""
    lsmhooks: tuple[LsmHook, ...] = ()
    """Hooks of the Linux security modules."""
    loader: Bool = False
    """Report executable files that processes map, with their build id."""
    enforcers: tuple[Enforcer, ...] = ()
    """Calls that NotifyEnforcer can override."""
    lists: tuple[ListSpec, ...] = ()
    """Named lists of functions or system calls."""
    options: tuple[Option, ...] = ()
    """Settings of this policy."""
    selectors_macros: dict[str, Selector] = Field(default_factory=dict)
    """Selectors by name, for the macros of other selectors."""
    node_selector: OrAbsent[LabelSelector] = None
    """Nodes to load the policy on, by their labels. Absent or {}: all."""
    pod_selector: OrAbsent[LabelSelector] = None
    """Pods that the policy applies to, by their labels."""
    container_selector: OrAbsent[LabelSelector] = None
    """Containers that the policy applies to, by name and repo."""
    host_selector: OrAbsent[HostSelector] = None
    """Host processes that the policy applies to: {} for all of them."""


class TracingPolicy(ResourceModel):
    """Watches places in the kernel and in programs, reports what happens, and can stop it."""

    api_version: Text = ""
    """Version of this representation of the object."""
    kind: Literal["TracingPolicy"]
    """Kind of the object."""
    metadata: ClusterMetadata
    """Name, labels and annotations."""
    spec: TracingPolicySpec
    """What to watch, where, and what to do about it."""
    status: OrAbsent[ResourceStatus] = None
    """State of the policy in the cluster."""


class TracingPolicyNamespaced(ResourceModel):
    """A TracingPolicy for the pods of its namespace."""

    api_version: Text = ""
    """Version of this representation of the object."""
    kind: Literal["TracingPolicyNamespaced"]
    """Kind of the object."""
    metadata: NamespacedMetadata
    """Name, namespace, labels and annotations."""
    spec: TracingPolicySpec
    """What to watch, where, and what to do about it."""
    status: OrAbsent[ResourceStatus] = None
    """State of the policy in the cluster."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!has(self.spec.hostSelector)",
            message="spec.hostSelector is not for TracingPolicyNamespaced, which never applies to"
            " host processes",
            holds=lambda policy: policy.spec.host_selector is None,
        ),
        Rule(
            cel="(!has(self.spec.uprobes) || size(self.spec.uprobes) == 0)"
            " && (!has(self.spec.usdts) || size(self.spec.usdts) == 0)",
            message="spec.uprobes and spec.usdts are not for TracingPolicyNamespaced: files are not"
            " of one namespace",
            holds=lambda policy: not policy.spec.uprobes and not policy.spec.usdts,
        ),
    )


Policy = TracingPolicy | TracingPolicyNamespaced
