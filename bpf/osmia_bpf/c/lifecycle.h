// Where the base sensor's records go, and how each one is accounted for.

BPF_RINGBUF_OUTPUT(lifecycle, 1);

enum count {
    COUNT_GENERATED = 0,
    COUNT_SUBMITTED = 1,
    COUNT_DROPPED = 2,
    COUNTS = 3,
};

BPF_PERCPU_ARRAY(counts, u64, RECORD_KINDS * COUNTS);

// Atomic although each processor has its own: newer kernels may preempt a program.
inlined void count(u32 kind, u32 what)
{
    u32 index = kind * COUNTS + what;
    u64 *value = counts.lookup(&index);
    if (value)
        __sync_fetch_and_add(value, 1);
}

inlined void submit(u32 kind, void *record, u32 size)
{
    count(kind, COUNT_GENERATED);
    count(kind, lifecycle.ringbuf_output(record, size, 0) ? COUNT_DROPPED : COUNT_SUBMITTED);
}
