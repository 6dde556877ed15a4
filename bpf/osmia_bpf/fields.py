"""Fields of kernel structs that several sets of programs read."""

from __future__ import annotations

NAMESPACE_FIELDS: dict[str, tuple[str, ...]] = {
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
"""A task's namespaces, and its ids in them."""

WALK_FIELDS: dict[str, tuple[str, ...]] = {
    "path": ("mnt", "dentry"),
    "qstr": ("len", "name"),
    "dentry": ("d_parent", "d_name", "d_hash", "d_inode"),
    "vfsmount": ("mnt_root",),
    "mount": ("mnt_parent", "mnt_mountpoint", "mnt"),
}
"""The way from a file up to the root."""
