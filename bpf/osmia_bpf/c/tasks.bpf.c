// The task iterator: exact identities of the processes that were there before the agent.

int dump_task(u64 *ctx)
{
    // Loads that bcc must not turn into reads of kernel memory: the helper below wants the
    // pointer itself, with the type that the verifier knows.
    u64 meta = ctx[0], task_address = ctx[1];
    struct task_struct *task = (void *)task_address;
    if (!task || READ(task, pid) != READ(task, tgid))
        return 0;
    void *seq;
    asm volatile("%0 = *(u64 *)(%1 + 0)" : "=r"(seq) : "r"(meta));

    struct task_record record = {};
    record.ktime_ns = bpf_ktime_get_ns();
    if (READ(task, flags) & PF_KTHREAD)
        record.flags = EXEC_KERNEL_THREAD;
    record.tgid = READ(task, tgid);
    struct upid own = own_upid(task, &record.pid_ns_level);
    record.nspid = own.nr;
    record.start_boottime_ns = start_boottime(task);
    record.exec_count = READ(task, self_exec_id);
    struct task_struct *parent = READ(task, real_parent);
    parent = READ(parent, group_leader);
    record.parent_tgid = READ(parent, tgid);
    record.parent_start_boottime_ns = start_boottime(parent);
    record.parent_exec_count = READ(parent, self_exec_id);
    record.cgroup_id = cgroup_id(task);
    read_credentials(task, &record.credentials);
    read_namespaces(task, own.ns, &record.namespaces);
    bpf_probe_read_kernel(record.comm, sizeof(record.comm), &task->comm);
    bpf_seq_write(seq, &record, sizeof(record));
    return 0;
}
