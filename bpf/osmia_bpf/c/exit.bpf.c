// The end of a process: the exit of its last thread.

int on_exit(u64 *ctx)
{
    struct task_struct *task = ARGUMENT(ctx, 0);
    struct signal_struct *signal = task->signal;
    struct exit_record record = {.kind = RECORD_EXIT};
#ifdef EXIT_HAS_GROUP_DEAD
    if (!(bool)ctx[1])
        return 0;
#else
    // Two last threads that exit at once may both see 0 here: the reader keeps the first record.
    if (signal->live.counter != 0)
        return 0;
    record.flags = EXIT_MAYBE_REPEATED;
#endif
    if (task->flags & PF_KTHREAD)
        return 0;
    struct task_struct *leader = task->group_leader;
    record.ktime_ns = bpf_ktime_get_ns();
    record.tgid = task->tgid;
    record.tid = task->pid;
    record.start_boottime_ns = start_boottime(leader);
    record.exec_count = task->self_exec_id;
    // What wait(2) will report: the code of exit_group or of the killing signal, else the leader's.
    record.code = signal->flags & SIGNAL_GROUP_EXIT ? signal->group_exit_code : leader->exit_code;
    submit(RECORD_EXIT, &record, sizeof(record));
    return 0;
}
