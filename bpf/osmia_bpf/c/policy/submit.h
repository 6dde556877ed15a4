// What all hooks of a policy share: its settings, its counters, and the way to the ring.

struct policy_settings {
    u32 policy;   // number under which records name it
    u32 enforce;  // 0: tell what would be done, and do nothing
    u64 follow[FOLLOWERS];  // the bits in struct process that stand for conditions
};

// A call that is under way: a function may be called again before it returns.
struct call {
    u64 thread, frame;
};

// Of each hook: generated = submitted + dropped.
struct record_counts {
    u64 generated, submitted, dropped;
};

BPF_RINGBUF_OUTPUT(policy_records, 1);
BPF_ARRAY(settings, struct policy_settings, 1);
BPF_PERCPU_ARRAY(counts, struct record_counts, HOOKS);
// For each selector ACTION_COUNTS numbers of actions done, then as many of actions held back.
BPF_PERCPU_ARRAY(actions, u64, SELECTORS * 2 * ACTION_COUNTS);

inlined void count_action(u32 selector, u32 action, bool enforced)
{
    u32 index = (selector * 2 + !enforced) * ACTION_COUNTS + action;
    u64 *value = actions.lookup(&index);
    if (value)
        __sync_fetch_and_add(value, 1);
}

inlined void account(u32 hook, bool lost)
{
    struct record_counts *of_hook = counts.lookup(&hook);
    if (!of_hook)
        return;
    __sync_fetch_and_add(&of_hook->generated, 1);
    __sync_fetch_and_add(lost ? &of_hook->dropped : &of_hook->submitted, 1);
}

inlined void submit(u32 hook, void *record, u32 size)
{
    account(hook, policy_records.ringbuf_output(record, size, 0) != 0);
}

inlined void fill_header(struct policy_header *header, u32 policy, u32 hook, u64 now)
{
    struct task_struct *task = current_task();
    u64 ids = bpf_get_current_pid_tgid();
    header->policy = policy;
    header->hook = hook;
    header->ktime_ns = now;
    header->tgid = ids >> 32;
    header->tid = ids;
    header->start_boottime_ns = task_start_boottime((void *)OF(task, group_leader));
    header->exec_count = OF(task, self_exec_id);
    header->function = 0;
    header->entry_ktime_ns = now;
    header->phase = PHASE_WHOLE;
    header->kernel_frames = 0;
    header->user_frames = 0;
}
