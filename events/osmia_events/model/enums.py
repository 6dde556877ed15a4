"""Enumerations of the wire contract, by number.

Fields hold a member or, for a number that this version does not know, the plain `int`.
"""

from __future__ import annotations

from enum import IntEnum


class EventType(IntEnum):
    """Kinds of events; the numbers are those of the response's `event` oneof."""

    UNDEF = 0
    PROCESS_EXEC = 1
    PROCESS_EXIT = 5
    PROCESS_KPROBE = 9
    PROCESS_TRACEPOINT = 10
    PROCESS_LOADER = 11
    PROCESS_UPROBE = 12
    PROCESS_THROTTLE = 27
    PROCESS_LSM = 28
    PROCESS_USDT = 29
    TEST = 40000
    RATE_LIMIT_INFO = 40001


class CapabilitiesType(IntEnum):
    """Linux capabilities by bit. Bit 1 bears no `CAP_` prefix on the wire, hence none here."""

    CAP_CHOWN = 0
    DAC_OVERRIDE = 1
    CAP_DAC_READ_SEARCH = 2
    CAP_FOWNER = 3
    CAP_FSETID = 4
    CAP_KILL = 5
    CAP_SETGID = 6
    CAP_SETUID = 7
    CAP_SETPCAP = 8
    CAP_LINUX_IMMUTABLE = 9
    CAP_NET_BIND_SERVICE = 10
    CAP_NET_BROADCAST = 11
    CAP_NET_ADMIN = 12
    CAP_NET_RAW = 13
    CAP_IPC_LOCK = 14
    CAP_IPC_OWNER = 15
    CAP_SYS_MODULE = 16
    CAP_SYS_RAWIO = 17
    CAP_SYS_CHROOT = 18
    CAP_SYS_PTRACE = 19
    CAP_SYS_PACCT = 20
    CAP_SYS_ADMIN = 21
    CAP_SYS_BOOT = 22
    CAP_SYS_NICE = 23
    CAP_SYS_RESOURCE = 24
    CAP_SYS_TIME = 25
    CAP_SYS_TTY_CONFIG = 26
    CAP_MKNOD = 27
    CAP_LEASE = 28
    CAP_AUDIT_WRITE = 29
    CAP_AUDIT_CONTROL = 30
    CAP_SETFCAP = 31
    CAP_MAC_OVERRIDE = 32
    CAP_MAC_ADMIN = 33
    CAP_SYSLOG = 34
    CAP_WAKE_ALARM = 35
    CAP_BLOCK_SUSPEND = 36
    CAP_AUDIT_READ = 37
    CAP_PERFMON = 38
    CAP_BPF = 39
    CAP_CHECKPOINT_RESTORE = 40


class SecureBitsType(IntEnum):
    """Secure bits of a task, each by its mask."""

    SecBitNotSet = 0
    SecBitNoRoot = 1
    SecBitNoRootLocked = 2
    SecBitNoSetUidFixup = 4
    SecBitNoSetUidFixupLocked = 8
    SecBitKeepCaps = 16
    SecBitKeepCapsLocked = 32
    SecBitNoCapAmbientRaise = 64
    SecBitNoCapAmbientRaiseLocked = 128


class ProcessPrivilegesChanged(IntEnum):
    """Why an exec raised the privileges of its process."""

    PRIVILEGES_CHANGED_UNSET = 0
    PRIVILEGES_RAISED_EXEC_FILE_CAP = 1
    PRIVILEGES_RAISED_EXEC_FILE_SETUID = 2
    PRIVILEGES_RAISED_EXEC_FILE_SETGID = 3


class KprobeAction(IntEnum):
    """What a policy's selector did with a call."""

    KPROBE_ACTION_UNKNOWN = 0
    KPROBE_ACTION_POST = 1
    KPROBE_ACTION_FOLLOWFD = 2
    KPROBE_ACTION_SIGKILL = 3
    KPROBE_ACTION_UNFOLLOWFD = 4
    KPROBE_ACTION_OVERRIDE = 5
    KPROBE_ACTION_COPYFD = 6
    KPROBE_ACTION_GETURL = 7
    KPROBE_ACTION_DNSLOOKUP = 8
    KPROBE_ACTION_NOPOST = 9
    KPROBE_ACTION_SIGNAL = 10
    KPROBE_ACTION_TRACKSOCK = 11
    KPROBE_ACTION_UNTRACKSOCK = 12
    KPROBE_ACTION_NOTIFYENFORCER = 13
    KPROBE_ACTION_CLEANUPENFORCERNOTIFICATION = 14
    KPROBE_ACTION_SET = 15


class TaintedBitsType(IntEnum):
    """Taints of a kernel module, each by its mask."""

    TAINT_UNSET = 0
    TAINT_PROPRIETARY_MODULE = 1
    TAINT_FORCED_MODULE = 2
    TAINT_FORCED_UNLOAD_MODULE = 4
    TAINT_STAGED_MODULE = 1024
    TAINT_OUT_OF_TREE_MODULE = 4096
    TAINT_UNSIGNED_MODULE = 8192
    TAINT_KERNEL_LIVE_PATCH_MODULE = 32768
    TAINT_TEST_MODULE = 262144


class BpfCmd(IntEnum):
    """Commands of the bpf(2) system call."""

    BPF_MAP_CREATE = 0
    BPF_MAP_LOOKUP_ELEM = 1
    BPF_MAP_UPDATE_ELEM = 2
    BPF_MAP_DELETE_ELEM = 3
    BPF_MAP_GET_NEXT_KEY = 4
    BPF_PROG_LOAD = 5
    BPF_OBJ_PIN = 6
    BPF_OBJ_GET = 7
    BPF_PROG_ATTACH = 8
    BPF_PROG_DETACH = 9
    BPF_PROG_TEST_RUN = 10
    BPF_PROG_GET_NEXT_ID = 11
    BPF_MAP_GET_NEXT_ID = 12
    BPF_PROG_GET_FD_BY_ID = 13
    BPF_MAP_GET_FD_BY_ID = 14
    BPF_OBJ_GET_INFO_BY_FD = 15
    BPF_PROG_QUERY = 16
    BPF_RAW_TRACEPOINT_OPEN = 17
    BPF_BTF_LOAD = 18
    BPF_BTF_GET_FD_BY_ID = 19
    BPF_TASK_FD_QUERY = 20
    BPF_MAP_LOOKUP_AND_DELETE_ELEM = 21
    BPF_MAP_FREEZE = 22
    BPF_BTF_GET_NEXT_ID = 23
    BPF_MAP_LOOKUP_BATCH = 24
    BPF_MAP_LOOKUP_AND_DELETE_BATCH = 25
    BPF_MAP_UPDATE_BATCH = 26
    BPF_MAP_DELETE_BATCH = 27
    BPF_LINK_CREATE = 28
    BPF_LINK_UPDATE = 29
    BPF_LINK_GET_FD_BY_ID = 30
    BPF_LINK_GET_NEXT_ID = 31
    BPF_ENABLE_STATS = 32
    BPF_ITER_CREATE = 33
    BPF_LINK_DETACH = 34
    BPF_PROG_BIND_MAP = 35
    BPF_TOKEN_CREATE = 36


class ThrottleType(IntEnum):
    """Whether a cgroup's events began or ceased to be limited."""

    THROTTLE_UNKNOWN = 0
    THROTTLE_START = 1
    THROTTLE_STOP = 2
