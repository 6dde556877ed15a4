// The task that a program runs for.

#ifdef HAVE_CURRENT_TASK_BTF
#define OF(pointer, field) ((pointer)->field)
#else
#define OF(pointer, field) READ(pointer, field)
#endif

inlined struct task_struct *current_task(void)
{
    struct task_struct *task;
#ifdef HAVE_CURRENT_TASK_BTF
    u64 found = (u64)bpf_get_current_task_btf();
#else
    u64 found = bpf_get_current_task();
#endif
    // As with the context, bcc must not see where this pointer comes from.
    asm volatile("%0 = %1" : "=r"(task) : "r"(found));
    return task;
}

// A word of the context, or of another object whose type the verifier knows.
#define LOAD(bits, base, offset)                                                                   \
    ({                                                                                             \
        u64 _word;                                                                                 \
        asm volatile("%0 = *(u" #bits " *)(%1 + %2)" : "=r"(_word) : "r"(base), "i"(offset));      \
        _word;                                                                                     \
    })

inlined u64 read_word(u64 address, u32 size)
{
    u64 word = 0;
    probe_read_kernel(&word, size, (void *)address);
    return word;
}

inlined u64 task_start_boottime(struct task_struct *leader)
{
#ifdef HAVE_task_struct__start_boottime
    return OF(leader, start_boottime);
#else
    return OF(leader, real_start_time);
#endif
}

// The task's process id in its own namespace.
inlined u32 namespace_pid(struct task_struct *task)
{
    struct task_struct *leader = OF(task, group_leader);
    struct pid *pid = OF(leader, thread_pid);
    u32 level = OF(pid, level);
    struct upid own = {};
    if (level < 32)
        probe_read_kernel(&own, sizeof(own),
                              (char *)pid + __builtin_offsetof(struct pid, numbers) +
                                  level * sizeof(struct upid));
    return own.nr;
}

inlined u32 pid_namespace_of(struct task_struct *task)
{
    struct pid *pid = OF(task, thread_pid);
    u32 level = OF(pid, level);
    struct upid own = {};
    if (level < 32)
        probe_read_kernel(&own, sizeof(own),
                              (char *)pid + __builtin_offsetof(struct pid, numbers) +
                                  level * sizeof(struct upid));
    struct pid_namespace *ns = own.ns;
    return ns ? READ(ns, ns.inum) : 0;
}

#define CAPABILITIES(name)                                                                         \
    inlined u64 name##_capabilities(struct task_struct *task)                                      \
    {                                                                                              \
        const struct cred *cred = (void *)OF(task, cred);                                          \
        u64 set = 0;                                                                               \
        probe_read_kernel(&set, sizeof(set), (void *)&cred->cap_##name);                       \
        return set;                                                                                \
    }
CAPABILITIES(permitted)
CAPABILITIES(effective)
CAPABILITIES(inheritable)

inlined u32 user_namespace_of(struct task_struct *task)
{
    const struct cred *cred = (void *)OF(task, cred);
    struct user_namespace *ns = (void *)OF(cred, user_ns);
    return OF(ns, ns.inum);
}

#define NAMESPACE(name, pointer)                                                                   \
    inlined u32 name##_namespace_of(struct task_struct *task)                                      \
    {                                                                                              \
        struct nsproxy *proxy = OF(task, nsproxy);                                                 \
        if (!proxy)                                                                                \
            return 0;                                                                              \
        void *ns = (void *)READ(proxy, pointer);                                                   \
        return READ((struct name##_shape *)ns, ns.inum);                                           \
    }
#define uts_shape uts_namespace
#define ipc_shape ipc_namespace
#define mnt_shape mnt_namespace
#define pid_for_children_shape pid_namespace
#define net_shape net
#define cgroup_shape cgroup_namespace
#define time_shape time_namespace
#define time_for_children_shape time_namespace
NAMESPACE(uts, uts_ns)
NAMESPACE(ipc, ipc_ns)
NAMESPACE(mnt, mnt_ns)
NAMESPACE(pid_for_children, pid_ns_for_children)
NAMESPACE(net, net_ns)
NAMESPACE(cgroup, cgroup_ns)
#ifdef HAVE_nsproxy__time_ns
NAMESPACE(time, time_ns)
NAMESPACE(time_for_children, time_ns_for_children)
#else
inlined u32 time_namespace_of(struct task_struct *task)
{
    return 0;
}
inlined u32 time_for_children_namespace_of(struct task_struct *task)
{
    return 0;
}
#endif

// The number of a system call, with a bit for calls that came through the 32 bit ABI.
inlined u64 syscall_id(u64 id)
{
    struct task_struct *task = current_task();
#ifdef HAVE_thread_info__status
    if (OF(task, thread_info.status) & 0x2)  // TS_COMPAT
        id |= 1ULL << 32;
#else
    if (OF(task, thread_info.flags) & 1UL << 22)  // TIF_32BIT
        id |= 1ULL << 32;
#endif
    return id;
}
