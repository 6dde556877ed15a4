// What policies need to know of a process and cannot read at a hook, by thread group id.

#define BINARY_BYTES 256

struct process {
    u64 own;        // bits of conditions that its own binary or id meets
    u64 inherited;  // bits that an ancestor has met since the policy was loaded
    u64 permitted, effective, inheritable;  // when it executed its binary
    u32 uts, ipc, mnt, pid, pid_for_children, net, time, time_for_children, cgroup, user;
    u32 binary_size, unused;
    char binary[2 * BINARY_BYTES];  // the path's beginning, then zeros
};

BPF_TABLE("hash", u32, struct process, processes, 1);

inlined const char *binary_end(struct process *process, u32 length)
{
    u32 at = process->binary_size - length;
    opaque(at);
    at &= BINARY_BYTES - 1;
    return process->binary + at;
}
