// An exec, told in three programs that call each other: the header with the file's name; the walk
// up from the working directory, as often as its depth needs; the strings and the submission. One
// program would be too large for the verifier at the depths that paths can have.

#define WALK_COMPONENTS 96  // per call: with 31 calls, more than 4,096 bytes can hold
#define NAME_BYTES 256

enum exec_stage {
    STAGE_WALK = 0,
    STAGE_SUBMIT = 1,
};

struct exec_scratch {
    struct exec_record record;
    // Behind the header as it is sent: each offset below is bounded by a mask, so the last write
    // may reach 16,384 + 4,096.
    char strings[16384 + INLINE_BYTES];
    struct dentry *dentry, *root_dentry;
    struct vfsmount *mount, *root_mount;
    u32 walk_from, walk_done;
    char cwd[CWD_BYTES + NAME_BYTES];  // written from its end; the rest is room for one name
};

BPF_PERCPU_ARRAY(exec_scratch, struct exec_scratch, 1);
BPF_PROG_ARRAY(exec_stages, 2);

inlined struct exec_scratch *scratch(void)
{
    u32 zero = 0;
    return exec_scratch.lookup(&zero);
}

inlined void read_file(struct exec_record *record, struct linux_binprm *bprm)
{
    struct inode *inode = bprm->file->f_inode;
    record->inode = inode->i_ino;
    record->links = inode->i_nlink;
}

inlined void start_walk(struct exec_scratch *s, struct task_struct *task)
{
    struct fs_struct *fs = task->fs;
    s->walk_from = CWD_BYTES;
    s->walk_done = 1;
    if (!fs) {
        s->record.flags |= EXEC_NO_CWD;
        return;
    }
    struct dentry *dentry = fs->pwd.dentry;
    s->dentry = dentry;
    s->mount = fs->pwd.mnt;
    s->root_dentry = fs->root.dentry;
    s->root_mount = fs->root.mnt;
    if (!s->dentry || !s->mount) {
        s->record.flags |= EXEC_CWD_ERROR;
        return;
    }
    s->walk_done = 0;
    if (!dentry->d_hash.pprev && dentry->d_parent != dentry) {
        static const char deleted[] = {' ', '(', 'd', 'e', 'l', 'e', 't', 'e', 'd', ')'};
        s->walk_from = CWD_BYTES - sizeof(deleted);
#pragma unroll
        for (int i = 0; i < sizeof(deleted); i++)
            s->cwd[CWD_BYTES - sizeof(deleted) + i] = deleted[i];
    }
}

int on_exec(u64 *ctx)
{
    struct exec_scratch *s = scratch();
    if (!s)
        return 0;
    struct task_struct *task = ARGUMENT(ctx, 0);
    struct linux_binprm *bprm = ARGUMENT(ctx, 2);
    struct exec_record *record = &s->record;
    __builtin_memset(record, 0, sizeof(*record));
    record->kind = RECORD_EXEC;
    record->ktime_ns = bpf_ktime_get_ns();
    record->tgid = task->tgid;
    record->tid_before = ctx[1];
    struct upid own = own_upid(task, &record->pid_ns_level);
    record->nspid = own.nr;
    record->start_boottime_ns = start_boottime(task);
    record->exec_count = task->self_exec_id;
    struct task_cgroup cgroup = cgroup_of(task);
    record->cgroup_id = cgroup.id;
    read_credentials(task, &record->credentials);
#ifdef WITH_NAMESPACES
    read_namespaces(task, own.ns, &record->namespaces);
#endif
    read_file(record, bprm);

    u32 tgid = record->tgid;
    struct privileges *change = privileges_changed.lookup(&tgid);
    if (change) {
        if (change->exec_count == record->exec_count)
            record->flags |= change->flags;
        privileges_changed.delete(&tgid);
    }

    int size = probe_read_kernel_str(s->strings, FILENAME_BYTES, (void *)bprm->filename);
    if (size <= 0) {
        record->flags |= EXEC_FILENAME_ERROR;
        size = 1;
    }
    record->filename_size = size - 1;

    u32 at = record->filename_size & (FILENAME_BYTES - 1);
    size = probe_read_kernel_str(&s->strings[at], CGROUP_NAME_BYTES,
                                     (void *)cgroup.node->name);
    record->cgroup_name_size = size > 0 ? size - 1 : 0;

    start_walk(s, task);
    exec_stages.call(ctx, STAGE_WALK);
    account(RECORD_EXEC, LOST);
    return 0;
}

// Writes the names from the working directory up to the process's root in front of one another.
int walk_cwd(u64 *ctx)
{
    struct exec_scratch *s = scratch();
    if (!s)
        return 0;
    // The position stays in the map: known as a number, it would make every turn of the loop a
    // case of its own for the verifier.
    volatile u32 *from = &s->walk_from;
#pragma unroll 1
    for (int i = 0; i < WALK_COMPONENTS; i++) {
        struct dentry *dentry = s->dentry;
        struct vfsmount *mount = s->mount;
        if (s->walk_done || (dentry == s->root_dentry && mount == s->root_mount)) {
            s->walk_done = 1;
            break;
        }
        if (dentry == READ(mount, mnt_root)) {
            struct mount *outer = (void *)((char *)mount - __builtin_offsetof(struct mount, mnt));
            struct mount *parent = READ(outer, mnt_parent);
            if (parent == outer) {
                s->walk_done = 1;
                break;
            }
            s->dentry = READ(outer, mnt_mountpoint);
            s->mount = (void *)((char *)parent + __builtin_offsetof(struct mount, mnt));
            continue;
        }
        struct dentry *parent = READ(dentry, d_parent);
        if (parent == dentry) {
            s->walk_done = 1;
            break;
        }
        u32 size = READ(dentry, d_name.len);
        opaque(size);
        size &= NAME_BYTES - 1;
        u32 at = *from;
        if (at < size + 1) {
            s->record.flags |= EXEC_CWD_TRUNCATED;
            s->walk_done = 1;
            break;
        }
        at -= size + 1;
        *from = at;
        opaque(at);
        at &= CWD_BYTES - 1;
        s->cwd[at] = '/';
        const unsigned char *name = READ(dentry, d_name.name);
        probe_read_kernel(&s->cwd[at + 1], size, name);
        s->dentry = parent;
    }
    exec_stages.call(ctx, s->walk_done ? STAGE_SUBMIT : STAGE_WALK);
    account(RECORD_EXEC, LOST);
    return 0;
}

// Sends what does not fit into the exec record ahead of it; `sent` counts its bytes. Like the
// walk's position it stays in the map, and so do all flags: no turn leaves a trace in a register.
inlined void send_chunks(struct exec_record *record, volatile u32 *sent, u32 kind, u64 address,
                         u64 size, u32 error, u32 truncated)
{
#pragma unroll 1
    for (int i = 0; i < MAX_CHUNKS; i++) {
        u64 rest = size - *sent;
        if (rest < INLINE_BYTES)
            return;
        struct data_record *chunk = lifecycle.ringbuf_reserve(sizeof(struct data_record));
        if (!chunk) {
            account(RECORD_DATA, LOST);
            break;
        }
        u32 part = rest < CHUNK_BYTES - 1 ? rest : CHUNK_BYTES - 1;
        opaque(part);
        part &= CHUNK_BYTES - 1;
        u32 offset = *sent;
        chunk->kind = RECORD_DATA;
        chunk->data_kind = kind;
        chunk->tgid = record->tgid;
        chunk->start_boottime_ns = record->start_boottime_ns;
        chunk->exec_count = record->exec_count;
        chunk->offset = offset;
        chunk->size = part;
        if (probe_read_user(chunk->data, part, (void *)(address + offset)))
            record->flags |= error;
        lifecycle.ringbuf_submit(chunk, 0);
        account(RECORD_DATA, SENT);
        *sent = offset + part;
    }
    record->flags |= truncated;
}

// Appends the rest to the exec record; returns its size.
inlined u32 read_inline(struct exec_scratch *s, u32 at, u64 address, u64 size, u32 sent,
                              u32 error)
{
    u64 rest = size - sent;
    u32 part = rest < INLINE_BYTES ? rest : 0;
    opaque(part);
    part &= INLINE_BYTES - 1;
    opaque(at);
    at &= 16383;
    if (probe_read_user(&s->strings[at], part, (void *)(address + sent))) {
        s->record.flags |= error;
        return 0;
    }
    return part;
}

int finish_exec(u64 *ctx)
{
    struct exec_scratch *s = scratch();
    if (!s)
        return 0;
    struct exec_record *record = &s->record;
    struct task_struct *task = ARGUMENT(ctx, 0);
    u32 at = record->filename_size + record->cgroup_name_size;

    u32 from = s->walk_from;
    opaque(from);
    u32 cwd = from < CWD_BYTES ? CWD_BYTES - from : 0;
    opaque(cwd);
    cwd &= CWD_BYTES - 1;
    opaque(from);
    from &= CWD_BYTES - 1;
    opaque(at);
    at &= 8191;
    probe_read_kernel(&s->strings[at], cwd, &s->cwd[from]);
    record->cwd_size = cwd;
    at += cwd;

    struct mm_struct *mm = task->mm;
    u64 address = mm->arg_start;
    u64 size = mm->arg_end - address;
    record->arguments_size = size;
    send_chunks(record, &record->arguments_before, DATA_ARGUMENTS, address, size,
                EXEC_ARGUMENTS_ERROR, EXEC_ARGUMENTS_TRUNCATED);
    record->inline_arguments_size =
        read_inline(s, at, address, size, record->arguments_before, EXEC_ARGUMENTS_ERROR);
    at += record->inline_arguments_size;

#ifdef WITH_ENVIRONMENT
    address = mm->env_start;
    size = mm->env_end - address;
    record->environment_size = size;
    send_chunks(record, &record->environment_before, DATA_ENVIRONMENT, address, size,
                EXEC_ENVIRONMENT_ERROR, EXEC_ENVIRONMENT_TRUNCATED);
    record->inline_environment_size =
        read_inline(s, at, address, size, record->environment_before, EXEC_ENVIRONMENT_ERROR);
    at += record->inline_environment_size;
#endif

    opaque(at);
    if (at > sizeof(s->strings))
        at = sizeof(s->strings);
    submit(RECORD_EXEC, record, sizeof(*record) + at);
    return 0;
}
