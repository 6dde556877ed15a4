// Keeps the map of processes: at each fork, exec and exit.

struct followed_binary {
    char path[BINARY_BYTES];
};

struct followed_pid {
    u32 pid, namespaced;
};

// Which bits a process gets of its own.
BPF_HASH(followed_binaries, struct followed_binary, u64, 1);
BPF_HASH(followed_pids, struct followed_pid, u64, 1);

BPF_PERCPU_ARRAY(process_scratch, struct process, 1);
BPF_PERCPU_ARRAY(process_slot, struct slot, 1);

inlined u64 bits_of_pid(struct task_struct *task)
{
    struct followed_pid key = {.pid = task->tgid};
    u64 *bits = followed_pids.lookup(&key);
    u64 found = bits ? *bits : 0;
    key.pid = namespace_pid(task);
    key.namespaced = 1;
    bits = followed_pids.lookup(&key);
    return bits ? found | *bits : found;
}

int on_process_fork(u64 *ctx)
{
    u32 zero = 0;
    struct task_struct *child = ARGUMENT(ctx, 1);
    u32 tgid = child->tgid;
    if (child->pid != tgid)
        return 0;
    u32 parent = bpf_get_current_pid_tgid() >> 32;
    struct process *known = processes.lookup(&parent);
    struct process *copy = process_scratch.lookup(&zero);
    if (!known || !copy)
        return 0;
    probe_read_kernel(copy, sizeof(*copy), known);
    // With CLONE_PARENT the child is a sibling: its parent is that of its maker.
    struct task_struct *own_parent = child->real_parent;
    if (own_parent->tgid == parent)
        probe_read_kernel(&copy->parent, sizeof(copy->parent), &known->binary);
    copy->inherited |= copy->own;
    copy->own = bits_of_pid(child);
    processes.update(&tgid, copy);
    return 0;
}

int on_process_exec(u64 *ctx)
{
    u32 zero = 0;
    struct task_struct *task = ARGUMENT(ctx, 0);
    struct linux_binprm *bprm = ARGUMENT(ctx, 2);
    u32 tgid = task->tgid;
    struct process *process = process_scratch.lookup(&zero);
    struct slot *slot = process_slot.lookup(&zero);
    if (!process || !slot)
        return 0;
    __builtin_memset(process, 0, sizeof(*process));
    struct process *before = processes.lookup(&tgid);
    if (before) {
        process->inherited = before->inherited | before->own;
        probe_read_kernel(&process->parent, sizeof(process->parent), &before->parent);
    }
    process->permitted = permitted_capabilities(task);
    process->effective = effective_capabilities(task);
    process->inheritable = inheritable_capabilities(task);
    process->uts = uts_namespace_of(task);
    process->ipc = ipc_namespace_of(task);
    process->mnt = mnt_namespace_of(task);
    process->pid = pid_namespace_of(task);
    process->pid_for_children = pid_for_children_namespace_of(task);
    process->net = net_namespace_of(task);
    process->time = time_namespace_of(task);
    process->time_for_children = time_for_children_namespace_of(task);
    process->cgroup = cgroup_namespace_of(task);
    process->user = user_namespace_of(task);

    struct file *file = (void *)READ(bprm, file);
    struct path path = READ(file, f_path);
    struct fs_struct *fs = task->fs;
    struct dentry *root_dentry = fs ? READ(fs, root.dentry) : 0;
    struct vfsmount *root_mount = fs ? READ(fs, root.mnt) : 0;
    start_path(slot, path.dentry, path.mnt);
    walk_path(slot, root_dentry, root_mount);
    finish_path(slot);
    u64 size = slot->size;
    u32 from = slot->from;
    opaque(from);
    from &= TEXT_BYTES - 1;
    AT_MOST(size, BINARY_BYTES - 1);
    probe_read_kernel(process->binary.path, size, &slot->text[from]);
    process->binary.size = size;
    process->own = bits_of_pid(task);
    u64 *bits = followed_binaries.lookup((struct followed_binary *)process->binary.path);
    if (bits)
        process->own |= *bits;
    processes.update(&tgid, process);
    return 0;
}

int on_process_exit(u64 *ctx)
{
    struct task_struct *task = ARGUMENT(ctx, 0);
    struct signal_struct *signal = task->signal;
    if (signal->live.counter != 0)
        return 0;
    u32 tgid = task->tgid;
    processes.delete(&tgid);
    return 0;
}
