// The end of a process: the exit of its last thread.

int on_exit(struct bpf_raw_tracepoint_args *ctx)
{
    struct task_struct *task = (void *)ctx->args[0];
    struct exit_record record = {.kind = RECORD_EXIT};
    struct signal_struct *signal = READ(task, signal);
#ifdef EXIT_HAS_GROUP_DEAD
    if (!(bool)ctx->args[1])
        return 0;
#else
    // Two last threads that exit at once may both see 0 here: the reader keeps the first record.
    if (READ(signal, live.counter) != 0)
        return 0;
    record.flags = EXIT_MAYBE_REPEATED;
#endif
    if (READ(task, flags) & PF_KTHREAD)
        return 0;
    struct task_struct *leader = READ(task, group_leader);
    record.ktime_ns = bpf_ktime_get_ns();
    record.tgid = READ(task, tgid);
    record.tid = READ(task, pid);
    record.start_boottime_ns = start_boottime(leader);
    record.exec_count = READ(task, self_exec_id);
    // What wait(2) will report: the code of exit_group or of the killing signal, else the leader's.
    if (READ(signal, flags) & SIGNAL_GROUP_EXIT)
        record.code = READ(signal, group_exit_code);
    else
        record.code = READ(leader, exit_code);
    submit(RECORD_EXIT, &record, sizeof(record));
    return 0;
}
