// Records of policies; osmia_bpf/policy/values.py is the other half of these layouts. A record is
// its header, one of the values below for each argument, and the text of those that have any, one
// behind the other (the tail).

enum phase {
    PHASE_WHOLE = 0,      // all there is to tell of a call
    PHASE_ENTRY = 1,      // a record with the same entry_ktime_ns follows when the function returns
    PHASE_RETURN = 2,
    PHASE_UNMATCHED = 3,  // what was returned is not what the policy asked for
    PHASE_DATA = 4,       // part of a value of the record that follows
};

#define NO_SELECTOR 0xffffffff

struct policy_header {
    u32 policy, hook;
    u64 ktime_ns;
    u32 tgid, tid;
    u64 start_boottime_ns, exec_count;
    u64 function;        // address of the function, where one program serves many
    u64 entry_ktime_ns;  // joins the two records of one call
    u32 phase, action;
    u32 selector, kernel_frames, user_frames;
    u32 pieces;          // of buffers that were sent ahead; for the program alone
};

// `error` is 0 or a negative errno; `size` is the number of bytes in the tail.
struct number_value {
    s32 error;
    u32 size;
    u64 number;
};

struct text_value {
    s32 error;
    u32 size;
};

struct buffer_value {
    s32 error;
    u32 size;
    u64 whole;  // bytes that there were to read
};

struct file_value {
    s32 error;
    u32 size;
    u32 mode, truncated;
};

struct sock_value {
    s32 error;
    u32 size;
    u64 cookie;
    u8 source[16], destination[16];
    u16 family, type, protocol, state;
    u16 source_port, destination_port;
    u32 mark, priority, unused;
};

struct skb_value {
    s32 error;
    u32 size;
    u8 source[16], destination[16];
    u16 family, protocol, source_port, destination_port;
    u32 hash, length, mark, priority;
    u32 security_path_length, security_path_offload_length;
};

struct sockaddr_value {
    s32 error;
    u32 size;
    u8 address[16];
    u16 family, port;
    u32 unused;
};

struct user_namespace_value {
    s32 error;
    u32 size;
    s32 level;
    u32 uid, gid, inode;
};

struct cred_value {
    s32 error;
    u32 size;
    u32 uid, gid, euid, egid, suid, sgid, fsuid, fsgid;
    u32 securebits;
    s32 level;
    u32 owner, group, inode, unused;
    u64 permitted, effective, inheritable;
};

struct bpf_program_value {
    s32 error;
    u32 size;
    u32 type, instructions;
    char name[16];
};

struct bpf_map_value {
    s32 error;
    u32 size;
    u32 type, key_size, value_size, max_entries;
    char name[16];
};

struct perf_event_value {
    s32 error;
    u32 size;
    u64 config, offset;
    u32 type, unused;
};

// A hash of a file by the kernel's integrity measurement; of `algorithm` (enum hash_algo) depends
// how many bytes it has.
struct ima_value {
    s32 error;
    u32 size;
    u32 algorithm, unused;
    u8 digest[64];
};

struct module_value {
    s32 error;
    u32 size;
    u64 taints;
    u32 has_signature, signature_ok;
};
