// What the base sensor's programs read of a task.

#define PF_KTHREAD 0x00200000
#define SIGNAL_GROUP_EXIT 0x00000004
#define NO_AUID 0xffffffff

inlined u64 start_boottime(struct task_struct *task)
{
#ifdef HAVE_task_struct__start_boottime
    return task->start_boottime;
#else
    return task->real_start_time;  // its name before 5.5
#endif
}

// The task's number in its own pid namespace, that namespace and its depth below the first.
inlined struct upid own_upid(struct task_struct *task, u32 *level)
{
    struct upid own = {};
    struct pid *pid = task->thread_pid;
    u32 depth = pid->level;
    *level = depth;
    if (depth < 32)
        probe_read_kernel(&own, sizeof(own),
                              (char *)pid + __builtin_offsetof(struct pid, numbers) +
                                  depth * sizeof(struct upid));
    return own;
}

inlined void read_credentials(struct task_struct *task, struct credentials *to)
{
    // Volatile, so that each field is loaded alone: the verifier refuses a load of two at once.
    const volatile struct cred *cred = task->cred;
    to->uid = cred->uid.val;
    to->gid = cred->gid.val;
    to->euid = cred->euid.val;
    to->egid = cred->egid.val;
    to->suid = cred->suid.val;
    to->sgid = cred->sgid.val;
    to->fsuid = cred->fsuid.val;
    to->fsgid = cred->fsgid.val;
    to->securebits = cred->securebits;
#ifdef HAVE_task_struct__loginuid
    to->auid = task->loginuid.val;
#else
    to->auid = NO_AUID;
#endif
    // Two words or one, according to the kernel's age: 8 bytes either way.
    probe_read_kernel(&to->permitted, 8, (void *)&cred->cap_permitted);
    probe_read_kernel(&to->effective, 8, (void *)&cred->cap_effective);
    probe_read_kernel(&to->inheritable, 8, (void *)&cred->cap_inheritable);
}

inlined void read_namespaces(struct task_struct *task, struct pid_namespace *own_pid_ns,
                             struct namespaces *to)
{
    to->user = task->cred->user_ns->ns.inum;
    to->pid = READ(own_pid_ns, ns.inum);
    struct nsproxy *proxy = task->nsproxy;
    if (!proxy)
        return;
    to->uts = proxy->uts_ns->ns.inum;
    to->ipc = proxy->ipc_ns->ns.inum;
    // Opaque to the verifier of some kernels, as its struct is private to the file system.
    struct mnt_namespace *mnt = proxy->mnt_ns;
    to->mnt = READ(mnt, ns.inum);
    to->pid_for_children = proxy->pid_ns_for_children->ns.inum;
    to->net = proxy->net_ns->ns.inum;
    to->cgroup = proxy->cgroup_ns->ns.inum;
#ifdef HAVE_nsproxy__time_ns
    to->time = proxy->time_ns->ns.inum;
    to->time_for_children = proxy->time_ns_for_children->ns.inum;
#endif
}
