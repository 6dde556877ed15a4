// Where the base sensor's records go, and how each one is accounted for.

BPF_RINGBUF_OUTPUT(lifecycle, 1);

// Of each kind of record: generated = submitted + dropped.
struct record_counts {
    u64 generated, submitted, dropped;
};

enum fate {
    SENT = 0,
    LOST = 1,
};

BPF_PERCPU_ARRAY(counts, struct record_counts, RECORD_KINDS);

// Counts a record whose fate is known. Atomic although each processor has its own counters: newer
// kernels may preempt a program.
inlined void account(u32 kind, enum fate fate)
{
    struct record_counts *of_kind = counts.lookup(&kind);
    if (!of_kind)
        return;
    __sync_fetch_and_add(&of_kind->generated, 1);
    __sync_fetch_and_add(fate == LOST ? &of_kind->dropped : &of_kind->submitted, 1);
}

inlined void submit(u32 kind, void *record, u32 size)
{
    account(kind, lifecycle.ringbuf_output(record, size, 0) ? LOST : SENT);
}
