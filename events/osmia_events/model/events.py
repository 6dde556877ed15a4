"""The events themselves and `Event`, the envelope that carries one of them."""

from typing import ClassVar

from msgspec import field

from osmia_events.model.arguments import KprobeArgument
from osmia_events.model.enums import EventType, KprobeAction, ThrottleType
from osmia_events.model.process import Process
from osmia_events.model.wire import Message, Timestamp, UInt32, UInt64


class StackTraceEntry(Message):
    """One frame of a stack trace."""

    address: UInt64 = 0
    offset: UInt64 = 0
    symbol: str = ""
    module: str = ""


class ProcessExec(Message):
    """A process executed a binary."""

    event_type: ClassVar[EventType] = EventType.PROCESS_EXEC
    event_name: ClassVar[str] = "process_exec"

    process: Process | None = None
    parent: Process | None = None
    ancestors: tuple[Process, ...] = ()


class ProcessExit(Message):
    """A process ended."""

    event_type: ClassVar[EventType] = EventType.PROCESS_EXIT
    event_name: ClassVar[str] = "process_exit"

    process: Process | None = None
    parent: Process | None = None
    signal: str = ""
    status: UInt32 = 0
    time: Timestamp | None = None
    ancestors: tuple[Process, ...] = ()


class ProcessKprobe(Message):
    """A process called a kernel function that a policy hooks."""

    event_type: ClassVar[EventType] = EventType.PROCESS_KPROBE
    event_name: ClassVar[str] = "process_kprobe"

    process: Process | None = None
    parent: Process | None = None
    function_name: str = ""
    args: tuple[KprobeArgument, ...] = ()
    return_: KprobeArgument | None = field(name="return", default=None)
    action: KprobeAction | int = KprobeAction.KPROBE_ACTION_UNKNOWN
    kernel_stack_trace: tuple[StackTraceEntry, ...] = ()
    policy_name: str = ""
    return_action: KprobeAction | int = KprobeAction.KPROBE_ACTION_UNKNOWN
    message: str = ""
    tags: tuple[str, ...] = ()
    user_stack_trace: tuple[StackTraceEntry, ...] = ()
    ancestors: tuple[Process, ...] = ()
    data: tuple[KprobeArgument, ...] = ()


class ProcessTracepoint(Message):
    """A process passed a tracepoint that a policy hooks."""

    event_type: ClassVar[EventType] = EventType.PROCESS_TRACEPOINT
    event_name: ClassVar[str] = "process_tracepoint"

    process: Process | None = None
    parent: Process | None = None
    subsys: str = ""
    event: str = ""
    args: tuple[KprobeArgument, ...] = ()
    policy_name: str = ""
    action: KprobeAction | int = KprobeAction.KPROBE_ACTION_UNKNOWN
    message: str = ""
    tags: tuple[str, ...] = ()
    ancestors: tuple[Process, ...] = ()


class ProcessUprobe(Message):
    """A process called a function of a binary that a policy hooks."""

    event_type: ClassVar[EventType] = EventType.PROCESS_UPROBE
    event_name: ClassVar[str] = "process_uprobe"

    process: Process | None = None
    parent: Process | None = None
    path: str = ""
    symbol: str = ""
    policy_name: str = ""
    message: str = ""
    args: tuple[KprobeArgument, ...] = ()
    tags: tuple[str, ...] = ()
    ancestors: tuple[Process, ...] = ()
    offset: UInt64 = 0
    ref_ctr_offset: UInt64 = 0
    action: KprobeAction | int = KprobeAction.KPROBE_ACTION_UNKNOWN
    data: tuple[KprobeArgument, ...] = ()


class ProcessUsdt(Message):
    """A process passed a static probe of a binary that a policy hooks."""

    event_type: ClassVar[EventType] = EventType.PROCESS_USDT
    event_name: ClassVar[str] = "process_usdt"

    process: Process | None = None
    parent: Process | None = None
    path: str = ""
    provider: str = ""
    name: str = ""
    policy_name: str = ""
    message: str = ""
    args: tuple[KprobeArgument, ...] = ()
    tags: tuple[str, ...] = ()
    ancestors: tuple[Process, ...] = ()
    action: KprobeAction | int = KprobeAction.KPROBE_ACTION_UNKNOWN
    flags: str = ""


class ProcessLsm(Message):
    """A process passed a security hook that a policy hooks."""

    event_type: ClassVar[EventType] = EventType.PROCESS_LSM
    event_name: ClassVar[str] = "process_lsm"

    process: Process | None = None
    parent: Process | None = None
    function_name: str = ""
    policy_name: str = ""
    message: str = ""
    args: tuple[KprobeArgument, ...] = ()
    action: KprobeAction | int = KprobeAction.KPROBE_ACTION_UNKNOWN
    tags: tuple[str, ...] = ()
    ancestors: tuple[Process, ...] = ()
    ima_hash: str = ""


class ProcessLoader(Message):
    """A process mapped a binary or a library."""

    event_type: ClassVar[EventType] = EventType.PROCESS_LOADER
    event_name: ClassVar[str] = "process_loader"

    process: Process | None = None
    path: str = ""
    buildid: bytes = b""
    parent: Process | None = None
    ancestors: tuple[Process, ...] = ()


class ProcessThrottle(Message):
    """The events of a cgroup began or ceased to be limited."""

    event_type: ClassVar[EventType] = EventType.PROCESS_THROTTLE
    event_name: ClassVar[str] = "process_throttle"
    process: ClassVar[None] = None
    parent: ClassVar[None] = None
    ancestors: ClassVar[tuple[()]] = ()

    type: ThrottleType | int = ThrottleType.THROTTLE_UNKNOWN
    cgroup: str = ""


class Test(Message):
    """An event of the peer's own tests."""

    event_type: ClassVar[EventType] = EventType.TEST
    event_name: ClassVar[str] = "test"
    process: ClassVar[None] = None
    parent: ClassVar[None] = None
    ancestors: ClassVar[tuple[()]] = ()

    arg0: UInt64 = 0
    arg1: UInt64 = 0
    arg2: UInt64 = 0
    arg3: UInt64 = 0


class RateLimitInfo(Message):
    """How many events an export's rate limit held back."""

    event_type: ClassVar[EventType] = EventType.RATE_LIMIT_INFO
    event_name: ClassVar[str] = "rate_limit_info"
    process: ClassVar[None] = None
    parent: ClassVar[None] = None
    ancestors: ClassVar[tuple[()]] = ()

    number_of_dropped_process_events: UInt64 = 0


class AggregationInfo(Message):
    """How many equal events this one stands for."""

    count: UInt64 = 0


EventBody = (
    ProcessExec
    | ProcessExit
    | ProcessKprobe
    | ProcessTracepoint
    | ProcessLoader
    | ProcessUprobe
    | ProcessThrottle
    | ProcessLsm
    | ProcessUsdt
    | Test
    | RateLimitInfo
)

EVENT_BODIES: dict[str, type[EventBody]] = {
    body.event_name: body
    for body in (
        ProcessExec,
        ProcessExit,
        ProcessKprobe,
        ProcessTracepoint,
        ProcessLoader,
        ProcessUprobe,
        ProcessThrottle,
        ProcessLsm,
        ProcessUsdt,
        Test,
        RateLimitInfo,
    )
}
"""The members of the envelope's oneof by wire name, in declaration order."""


class Event(Message):
    """The envelope: what is sent to users.

    `body` is None only for an event of a type that this version does not know.
    """

    besides_fields: ClassVar[frozenset[str]] = frozenset({"body"})

    body: EventBody | None = None
    node_name: str = ""
    time: Timestamp | None = None
    aggregation_info: AggregationInfo | None = None
    cluster_name: str = ""
    node_labels: dict[str, str] = field(default_factory=dict)

    @property
    def type(self) -> EventType:
        """The type of the body; UNDEF if there is none."""
        return EventType.UNDEF if self.body is None else self.body.event_type
