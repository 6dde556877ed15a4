// The task iterator: exact identities of the processes that were there before the agent.

int dump_task(u64 *ctx)
{
    struct bpf_iter_meta *meta = ARGUMENT(ctx, 0);
    struct task_struct *task = ARGUMENT(ctx, 1);
    if (!task || task->pid != task->tgid)
        return 0;

    struct task_record record = {};
    record.ktime_ns = bpf_ktime_get_ns();
    if (task->flags & PF_KTHREAD)
        record.flags = EXEC_KERNEL_THREAD;
    record.tgid = task->tgid;
    struct upid own = own_upid(task, &record.pid_ns_level);
    record.nspid = own.nr;
    record.start_boottime_ns = start_boottime(task);
    record.exec_count = task->self_exec_id;
    struct task_struct *parent = task->real_parent->group_leader;
    record.parent_tgid = parent->tgid;
    record.parent_start_boottime_ns = start_boottime(parent);
    record.parent_exec_count = parent->self_exec_id;
    record.cgroup_id = cgroup_id(task);
    read_credentials(task, &record.credentials);
    read_namespaces(task, own.ns, &record.namespaces);
    probe_read_kernel(record.comm, sizeof(record.comm), (void *)&task->comm);
    bpf_seq_write(meta->seq, &record, sizeof(record));
    return 0;
}
