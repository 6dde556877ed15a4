"""Actions: what happens when a selector matches."""

from typing import ClassVar, Literal

from osmia_api.resource.base import (
    Bool,
    Int32,
    ResourceModel,
    Rule,
    Text,
    Uint31,
    Uint63,
)

ActionName = Literal[
    "Post",
    "Sigkill",
    "Override",
    "GetUrl",
    "DnsLookup",
    "NoPost",
    "Signal",
    "TrackSock",
    "UntrackSock",
    "NotifyEnforcer",
    "CleanupEnforcerNotification",
    "Set",
]

_NEW_TARGETS = ("arg_new_symbol", "arg_new_addr", "arg_new_offset")


class Action(ResourceModel):
    """One action with its parameters."""

    action: ActionName
    """What to do."""
    arg_error: Int32 = 0
    """Return value that Override and NotifyEnforcer put in place, as a negative errno."""
    arg_sig: Uint31 = 0
    """Signal number for Signal and NotifyEnforcer."""
    arg_url: Text = ""
    """URL that GetUrl requests."""
    arg_fqdn: Text = ""
    """Domain name that DnsLookup resolves."""
    arg_sock: Uint31 = 0
    """Position of the socket argument, for TrackSock and UntrackSock."""
    arg_index: Uint31 = 0
    """Position of the argument that Set writes to."""
    arg_value: Uint31 = 0
    """Value that Set writes."""
    arg_regs: tuple[Text, ...] = ()
    """Register assignments of Override in a uprobe, such as rax=0."""
    arg_new_symbol: Text = ""
    """Symbol to continue at instead, for Override in a uprobe."""
    arg_new_addr: Uint63 = 0
    """Address to continue at instead, for Override in a uprobe."""
    arg_new_offset: Uint63 = 0
    """File offset to continue at instead, for Override in a uprobe."""
    rate_limit: Text = ""
    """Time in which Post sends no repetition: a number of seconds, or with s, m or h behind it."""
    rate_limit_scope: Text = ""
    """Whose repetitions rateLimit counts: thread (the default), process or global."""
    kernel_stack_trace: Bool = False
    """Post the kernel's stack with the event."""
    user_stack_trace: Bool = False
    """Post the program's stack with the event."""
    ima_hash: Bool = False
    """Post the file's IMA hash with the event (LSM hooks)."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!(has(self.argNewSymbol) && has(self.argNewAddr))"
            " && !(has(self.argNewSymbol) && has(self.argNewOffset))"
            " && !(has(self.argNewAddr) && has(self.argNewOffset))",
            message="give at most one of argNewSymbol, argNewAddr and argNewOffset",
            holds=lambda action: sum(map(action.has, _NEW_TARGETS)) <= 1,
        ),
    )
