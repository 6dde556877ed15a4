// What policies need to know of a process and cannot read at a hook, by thread group id.

#define BINARY_BYTES 256

struct binary {
    u32 size, unused;
    char path[BINARY_BYTES + 8];  // its beginning, then zeros: it is read by words
};

struct process {
    u64 own;        // bits of conditions that its own binary or id meets
    u64 inherited;  // bits that an ancestor has met since the policy was loaded
    u64 permitted, effective, inheritable;  // when it executed its binary
    u32 uts, ipc, mnt, pid, pid_for_children, net, time, time_for_children, cgroup, user;
    struct binary binary;
    struct binary parent;  // what its parent ran when it was forked
};

BPF_TABLE("hash", u32, struct process, processes, 1);

// Where the last `length` bytes of a path begin, a constant; the path must not be shorter.
#define binary_end(binary, length)                                                                 \
    ({                                                                                             \
        u64 _at = (binary)->size - (length);                                                       \
        AT_MOST(_at, BINARY_BYTES - (length));                                                     \
        (binary)->path + _at;                                                                      \
    })
