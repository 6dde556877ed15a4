// What an exec is about to do to its process's credentials. It is seen before they change, because
// afterwards the old ones are gone; the exec program fetches the answer.

struct privileges {
    u64 exec_count;  // of the image that the exec makes: tells a stale entry from this one
    u32 flags;
};

BPF_TABLE("lru_hash", u32, struct privileges, privileges_changed, 1);

#ifdef PRIVILEGES_PROBE
inlined u64 permitted_capabilities(const struct cred *cred)
{
    u64 permitted = 0;
    probe_read_kernel(&permitted, sizeof(permitted), (void *)&cred->cap_permitted);
    return permitted;
}

inlined int note_privileges(struct linux_binprm *bprm)
{
    struct task_struct *task = (void *)bpf_get_current_task();
    const struct cred *before = READ(task, cred);
    const struct cred *after = READ(bprm, cred);
    u32 uid = READ(after, uid.val), euid = READ(after, euid.val), egid = READ(after, egid.val);
    struct privileges change = {};
    if (euid != READ(before, euid.val))
        change.flags |= EXEC_SETUID;
    if (egid != READ(before, egid.val))
        change.flags |= EXEC_SETGID;
    // Root regains its capabilities at any exec: only without it does a gain mean the file's.
    if (uid && euid && permitted_capabilities(after) & ~permitted_capabilities(before))
        change.flags |= EXEC_FILE_CAPABILITIES;
    if (change.flags) {
        u32 tgid = bpf_get_current_pid_tgid() >> 32;
        // The tracepoint comes before the kernel counts the exec, the function after it.
        change.exec_count = READ(task, self_exec_id) + (PRIVILEGES_PROBE == PROBE_TRACEPOINT);
        privileges_changed.update(&tgid, &change);
    }
    return 0;
}

#if PRIVILEGES_PROBE == PROBE_TRACEPOINT
int on_credentials(u64 *ctx)
{
    return note_privileges((void *)ctx[1]);
}
#elif PRIVILEGES_PROBE == PROBE_FENTRY
int on_credentials(u64 *ctx)
{
    return note_privileges((void *)ctx[0]);
}
#else
int on_credentials(struct pt_regs *ctx)
{
    return note_privileges((void *)PT_REGS_PARM1(ctx));
}
#endif
#endif
