"""A process: its identity, credentials, namespaces and the pod that it runs in."""

from typing import Any, ClassVar, Self

from msgspec import field, structs

from osmia_events.model.enums import CapabilitiesType, ProcessPrivilegesChanged, SecureBitsType
from osmia_events.model.wire import Int32, Message, Timestamp, UInt32, UInt64


class Image(Message):
    """A container image."""

    id: str = ""
    name: str = ""


class SecurityContext(Message):
    """The part of a container's security context that events carry."""

    privileged: bool = False


class Container(Message):
    """A container of a pod."""

    id: str = ""
    name: str = ""
    image: Image | None = None
    start_time: Timestamp | None = None
    pid: UInt32 | None = None
    maybe_exec_probe: bool = False
    security_context: SecurityContext | None = None


class Pod(Message, eq=False):
    """The pod that a process runs in, with the container that it runs in.

    `memo` is as that of a process, but for stages to use only if it is there: one object stands
    for the pod in many processes then. It is shared by copies that `with_container_pid` makes, so
    what is kept there must hold for the pod whatever the pid.
    """

    besides_fields: ClassVar[frozenset[str]] = frozenset({"memo"})

    namespace: str = ""
    name: str = ""
    uid: str = ""
    container: Container | None = None
    pod_labels: dict[str, str] = field(default_factory=dict)
    workload: str = ""
    workload_kind: str = ""
    pod_annotations: dict[str, str] = field(default_factory=dict)
    memo: dict[Any, Any] | None = None

    def with_container_pid(self, pid: int) -> Self:
        """Return the pod for a process of its container that is `pid` there; the memo is shared."""
        if self.container is None:
            return self
        if self.memo is None:
            self.memo = {}
        return structs.replace(self, container=structs.replace(self.container, pid=pid))

    def replaced(self, **changes: Any) -> Self:
        """Return a copy with some fields changed and nothing remembered."""
        return structs.replace(self, memo=None, **changes)

    def __copy__(self) -> Self:
        return self.replaced()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Pod):
            return NotImplemented
        return structs.astuple(self)[:-1] == structs.astuple(other)[:-1]

    __hash__ = object.__hash__


class Capabilities(Message):
    """Sets of capabilities of a task."""

    permitted: tuple[CapabilitiesType | int, ...] = ()
    effective: tuple[CapabilitiesType | int, ...] = ()
    inheritable: tuple[CapabilitiesType | int, ...] = ()


class Namespace(Message):
    """A Linux namespace."""

    inum: UInt32 = 0
    is_host: bool = False


class Namespaces(Message):
    """The Linux namespaces of a task."""

    uts: Namespace | None = None
    ipc: Namespace | None = None
    mnt: Namespace | None = None
    pid: Namespace | None = None
    pid_for_children: Namespace | None = None
    net: Namespace | None = None
    time: Namespace | None = None
    time_for_children: Namespace | None = None
    cgroup: Namespace | None = None
    user: Namespace | None = None


class UserNamespace(Message):
    """A user namespace with its owner."""

    level: Int32 | None = None
    uid: UInt32 | None = None
    gid: UInt32 | None = None
    ns: Namespace | None = None


class ProcessCredentials(Message):
    """Credentials of a task."""

    uid: UInt32 | None = None
    gid: UInt32 | None = None
    euid: UInt32 | None = None
    egid: UInt32 | None = None
    suid: UInt32 | None = None
    sgid: UInt32 | None = None
    fsuid: UInt32 | None = None
    fsgid: UInt32 | None = None
    securebits: tuple[SecureBitsType | int, ...] = ()
    caps: Capabilities | None = None
    user_ns: UserNamespace | None = None


class InodeProperties(Message):
    """An inode."""

    number: UInt64 = 0
    links: UInt32 | None = None


class FileProperties(Message):
    """A file that was executed."""

    inode: InodeProperties | None = None
    path: str = ""


class BinaryProperties(Message):
    """What is remarkable about an executed binary: set-uid, raised privileges, no link left."""

    setuid: UInt32 | None = None
    setgid: UInt32 | None = None
    privileges_changed: tuple[ProcessPrivilegesChanged | int, ...] = ()
    file: FileProperties | None = None


class UserRecord(Message):
    """The user that a uid belongs to."""

    name: str = ""


class EnvVar(Message):
    """An environment variable."""

    Key: str = ""
    Value: str = ""


class Process(Message, eq=False):
    """One image of a process, immutable once made and shared by all events that name it.

    `memo` is not part of the wire nor of equality: stages keep there what they found out about
    this process (its encoded bytes, verdicts), under keys of their own, so that it dies with it.
    What is kept there must not refer back to the process: the garbage collector does not look
    here. A changed copy comes from `replaced`, which starts with an empty memo.
    """

    besides_fields: ClassVar[frozenset[str]] = frozenset({"memo"})

    exec_id: str = ""
    pid: UInt32 | None = None
    uid: UInt32 | None = None
    cwd: str = ""
    binary: str = ""
    arguments: str = ""
    flags: str = ""
    start_time: Timestamp | None = None
    auid: UInt32 | None = None
    pod: Pod | None = None
    docker: str = ""
    parent_exec_id: str = ""
    refcnt: UInt32 = 0
    cap: Capabilities | None = None
    ns: Namespaces | None = None
    tid: UInt32 | None = None
    process_credentials: ProcessCredentials | None = None
    binary_properties: BinaryProperties | None = None
    user: UserRecord | None = None
    in_init_tree: bool | None = None
    environment_variables: tuple[EnvVar, ...] = ()
    memo: dict[Any, Any] | None = None

    def replaced(self, **changes: Any) -> Self:
        """Return a copy with some fields changed and nothing remembered."""
        return structs.replace(self, memo=None, **changes)

    def __copy__(self) -> Self:
        return self.replaced()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Process):
            return NotImplemented
        return structs.astuple(self)[:-1] == structs.astuple(other)[:-1]

    # By identity: equal processes may be two objects with different memos.
    __hash__ = object.__hash__
