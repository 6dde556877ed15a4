"""The fields of kernel structs that `c/policy/task.h` and `c/cgroup.h` read."""

from __future__ import annotations

from osmia_bpf.fields import NAMESPACE_FIELDS

TASK_FIELDS: dict[str, tuple[str, ...]] = {
    "thread_info": ("status", "flags"),
    "task_struct": (
        *("thread_info", "flags", "pid", "tgid", "group_leader", "thread_pid", "start_boottime"),
        *("real_start_time", "self_exec_id", "cred", "nsproxy", "files", "fs"),
    ),
    "cred": ("cap_permitted", "cap_effective", "cap_inheritable", "user_ns"),
    **NAMESPACE_FIELDS,
}

CGROUP_FIELDS: dict[str, tuple[str, ...]] = {
    "task_struct": ("cgroups",),
    "css_set": ("subsys", "dfl_cgrp"),
    "cgroup_subsys_state": ("cgroup",),
    "cgroup": ("kn", "level", "root"),
    "kernfs_node": ("id",),
}
