// Records that programs emit; osmia_bpf/records.py is the other half of these layouts.

enum record_kind {
    RECORD_FORK = 1,
    RECORD_EXEC = 2,
    RECORD_EXIT = 3,
    RECORD_DATA = 4,
    RECORD_CGROUP = 5,
    RECORD_KINDS = 6,
};

enum fork_flag {
    FORK_KERNEL_THREAD = 1,
};

enum exec_flag {
    EXEC_FILENAME_ERROR = 1,
    EXEC_ARGUMENTS_ERROR = 2,
    EXEC_ARGUMENTS_TRUNCATED = 4,
    EXEC_ENVIRONMENT_ERROR = 8,
    EXEC_ENVIRONMENT_TRUNCATED = 16,
    EXEC_NO_CWD = 32,
    EXEC_CWD_ERROR = 64,
    EXEC_CWD_TRUNCATED = 128,
    EXEC_SETUID = 256,
    EXEC_SETGID = 512,
    EXEC_FILE_CAPABILITIES = 1024,
    EXEC_KERNEL_THREAD = 2048,
};

enum exit_flag {
    EXIT_MAYBE_REPEATED = 1,
};

enum data_kind {
    DATA_ARGUMENTS = 1,
    DATA_ENVIRONMENT = 2,
};

enum cgroup_change {
    CGROUP_MADE = 1,
    CGROUP_REMOVED = 2,
};

#define FILENAME_BYTES 4096
#define CGROUP_NAME_BYTES 256  // the longest and its NUL
#define CWD_BYTES 4096
#define INLINE_BYTES 4096  // of arguments, and again of environment, in the exec record itself
#define CHUNK_BYTES 8192   // of either in one data record
#define MAX_CHUNKS 33      // so at least 256 KiB of each arrive

struct credentials {
    u32 uid, gid, euid, egid, suid, sgid, fsuid, fsgid;
    u32 securebits, auid;
    u64 permitted, effective, inheritable;
};

struct namespaces {
    u32 uts, ipc, mnt, pid, pid_for_children, net, time, time_for_children, cgroup, user;
};

struct fork_record {
    u32 kind, flags;
    u64 ktime_ns;
    u32 tgid, nspid;
    u64 start_boottime_ns, exec_count;
    u32 parent_tgid, pid_ns_level;
    u64 parent_start_boottime_ns, parent_exec_count;
    u64 cgroup_id;
};

struct exit_record {
    u32 kind, flags;
    u64 ktime_ns;
    u32 tgid, tid;
    u64 start_boottime_ns, exec_count;
    u32 code, unused;
};

struct data_record {
    u32 kind, data_kind;
    u32 tgid, size;
    u64 start_boottime_ns, exec_count;
    u32 offset, unused;
    char data[CHUNK_BYTES];
};

struct exec_record {
    u32 kind, flags;
    u64 ktime_ns;
    u32 tgid, nspid;
    u64 start_boottime_ns, exec_count;
    u32 pid_ns_level, tid_before;
    u64 cgroup_id;
    u64 inode;
    struct credentials credentials;
    struct namespaces namespaces;
    u32 links;
    u32 arguments_size, arguments_before;
    u32 environment_size, environment_before;
    // Lengths in bytes of the strings behind this header, in this order, without closing NULs.
    u32 filename_size, cgroup_name_size, cwd_size, inline_arguments_size, inline_environment_size;
};

// A cgroup of the unified hierarchy or of the v1 hierarchy that names the containers.
struct cgroup_record {
    u32 kind, change;
    u64 ktime_ns;
    u64 cgroup_id, parent_id;
    u32 name_size, unused;
    char name[CGROUP_NAME_BYTES];  // sent as long as it is
};

struct task_record {
    u32 kind, flags;
    u64 ktime_ns;
    u32 tgid, nspid;
    u64 start_boottime_ns, exec_count;
    u32 parent_tgid, pid_ns_level;
    u64 parent_start_boottime_ns, parent_exec_count;
    u64 cgroup_id;
    struct credentials credentials;
    struct namespaces namespaces;
    char comm[16];
};
