// Reading the kernel's memory. Fields come from BTF (osmia_bpf/headers.py), so the offsets are
// those of the running kernel; what differs between kernels is told by HAVE_struct__field.

// A copy of a field of a kernel object; zero where it cannot be read.
#define READ(pointer, field)                                                                       \
    ({                                                                                             \
        __typeof__((pointer)->field) _value;                                                       \
        __builtin_memset((void *)&_value, 0, sizeof(_value));                                      \
        bpf_probe_read_kernel((void *)&_value, sizeof(_value), (void *)&(pointer)->field);         \
        _value;                                                                                    \
    })

// Keeps the compiler from moving a bound away from the value that the verifier must see bounded.
#define opaque(variable) asm volatile("" : "+r"(variable))
#define inlined static inline __attribute__((always_inline))

#define PF_KTHREAD 0x00200000
#define SIGNAL_GROUP_EXIT 0x00000004
#define NO_AUID 0xffffffff

inlined u64 start_boottime(struct task_struct *task)
{
#ifdef HAVE_task_struct__start_boottime
    return READ(task, start_boottime);
#else
    return READ(task, real_start_time);  // its name before 5.5
#endif
}

// The task's number in its own pid namespace, that namespace and its depth below the first.
inlined struct upid own_upid(struct task_struct *task, u32 *level)
{
    struct upid own = {};
    struct pid *pid = READ(task, thread_pid);
    *level = READ(pid, level);
    if (*level < 32)
        bpf_probe_read_kernel(&own, sizeof(own),
                              (char *)pid + __builtin_offsetof(struct pid, numbers) +
                                  *level * sizeof(struct upid));
    return own;
}

// The name of a task is that of its cgroup in a mounted v1 hierarchy of the memory or pids
// controller, else in the unified one: the choice that container runtimes make as well.
inlined struct kernfs_node *cgroup_node(struct task_struct *task)
{
    struct css_set *set = READ(task, cgroups);
    struct cgroup *unified = READ(set, dfl_cgrp);
#ifdef CGROUP_SUBSYSTEM
    struct cgroup_subsys_state *state = READ(set, subsys[CGROUP_SUBSYSTEM]);
    struct cgroup *legacy = READ(state, cgroup);
    if (legacy && READ(legacy, root) != READ(unified, root) && READ(legacy, level) > 0)
        return READ(legacy, kn);
#endif
    return READ(unified, kn);
}

inlined u64 cgroup_id(struct task_struct *task)
{
    struct css_set *set = READ(task, cgroups);
    struct cgroup *unified = READ(set, dfl_cgrp);
    struct kernfs_node *node = READ(unified, kn);
    u64 id = 0;
    bpf_probe_read_kernel(&id, sizeof(id), &node->id);
    return id;
}

inlined void read_credentials(struct task_struct *task, struct credentials *to)
{
    const struct cred *cred = READ(task, cred);
    to->uid = READ(cred, uid.val);
    to->gid = READ(cred, gid.val);
    to->euid = READ(cred, euid.val);
    to->egid = READ(cred, egid.val);
    to->suid = READ(cred, suid.val);
    to->sgid = READ(cred, sgid.val);
    to->fsuid = READ(cred, fsuid.val);
    to->fsgid = READ(cred, fsgid.val);
    to->securebits = READ(cred, securebits);
#ifdef HAVE_task_struct__loginuid
    to->auid = READ(task, loginuid.val);
#else
    to->auid = NO_AUID;
#endif
    // Two words or one, according to the kernel's age: 8 bytes either way.
    bpf_probe_read_kernel(&to->permitted, 8, (void *)&cred->cap_permitted);
    bpf_probe_read_kernel(&to->effective, 8, (void *)&cred->cap_effective);
    bpf_probe_read_kernel(&to->inheritable, 8, (void *)&cred->cap_inheritable);
}

inlined void read_namespaces(struct task_struct *task, struct pid_namespace *own_pid_ns,
                                   struct namespaces *to)
{
    const struct cred *cred = READ(task, cred);
    struct user_namespace *user = READ(cred, user_ns);
    to->user = READ(user, ns.inum);
    to->pid = READ(own_pid_ns, ns.inum);
    struct nsproxy *proxy = READ(task, nsproxy);
    if (!proxy)
        return;
    struct uts_namespace *uts = READ(proxy, uts_ns);
    to->uts = READ(uts, ns.inum);
    struct ipc_namespace *ipc = READ(proxy, ipc_ns);
    to->ipc = READ(ipc, ns.inum);
    struct mnt_namespace *mnt = READ(proxy, mnt_ns);
    to->mnt = READ(mnt, ns.inum);
    struct pid_namespace *pid_for_children = READ(proxy, pid_ns_for_children);
    to->pid_for_children = READ(pid_for_children, ns.inum);
    struct net *net = READ(proxy, net_ns);
    to->net = READ(net, ns.inum);
    struct cgroup_namespace *cgroup = READ(proxy, cgroup_ns);
    to->cgroup = READ(cgroup, ns.inum);
#ifdef HAVE_nsproxy__time_ns
    struct time_namespace *time = READ(proxy, time_ns);
    to->time = READ(time, ns.inum);
    struct time_namespace *time_for_children = READ(proxy, time_ns_for_children);
    to->time_for_children = READ(time_for_children, ns.inum);
#endif
}
