// A new process. The parent is fixed here, while it cannot have changed: later, real_parent shows
// the parent's newest image, or init.

int on_fork(u64 *ctx)
{
    struct task_struct *child = ARGUMENT(ctx, 1);
    u32 tgid = child->tgid;
    if (child->pid != tgid)
        return 0;  // a thread

    struct fork_record record = {.kind = RECORD_FORK, .tgid = tgid};
    record.ktime_ns = bpf_ktime_get_ns();
    if (child->flags & PF_KTHREAD)
        record.flags = FORK_KERNEL_THREAD;
    struct upid own = own_upid(child, &record.pid_ns_level);
    record.nspid = own.nr;
    record.start_boottime_ns = start_boottime(child);
    record.exec_count = child->self_exec_id;
    // Not the caller under CLONE_PARENT.
    struct task_struct *parent = child->real_parent->group_leader;
    record.parent_tgid = parent->tgid;
    record.parent_start_boottime_ns = start_boottime(parent);
    record.parent_exec_count = parent->self_exec_id;
    record.cgroup_id = cgroup_id(child);
    submit(RECORD_FORK, &record, sizeof(record));
    return 0;
}
