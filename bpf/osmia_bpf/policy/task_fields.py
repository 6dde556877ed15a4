"""The fields of kernel structs that `c/policy/task.h` reads."""

from __future__ import annotations

TASK_FIELDS: dict[str, tuple[str, ...]] = {
    "thread_info": ("status", "flags"),
    "task_struct": (
        *("thread_info", "flags", "pid", "tgid", "group_leader", "thread_pid", "start_boottime"),
        *("real_start_time", "self_exec_id", "cred", "nsproxy", "files", "fs"),
    ),
    "cred": ("cap_permitted", "cap_effective", "cap_inheritable", "user_ns"),
    "nsproxy": (
        *("uts_ns", "ipc_ns", "mnt_ns", "pid_ns_for_children", "net_ns"),
        *("time_ns", "time_ns_for_children", "cgroup_ns"),
    ),
    "ns_common": ("inum",),
    "uts_namespace": ("ns",),
    "ipc_namespace": ("ns",),
    "mnt_namespace": ("ns",),
    "pid_namespace": ("ns",),
    "net": ("ns",),
    "cgroup_namespace": ("ns",),
    "user_namespace": ("ns",),
    "time_namespace": ("ns",),
    "upid": ("nr", "ns"),
    "pid": ("level", "numbers"),
}
