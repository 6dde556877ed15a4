// Other objects of the kernel that arguments point to.

#ifdef HAVE_user_namespace__level
inlined s32 read_user_namespace(struct user_namespace_value *to, struct user_namespace *ns)
{
    to->level = READ(ns, level);
    to->uid = READ(ns, owner.val);
    to->gid = READ(ns, group.val);
    to->inode = READ(ns, ns.inum);
    return ns ? 0 : -14;
}
#endif

#ifdef HAVE_cred__securebits
inlined s32 read_cred(struct cred_value *to, const struct cred *cred)
{
    to->uid = READ(cred, uid.val);
    to->gid = READ(cred, gid.val);
    to->euid = READ(cred, euid.val);
    to->egid = READ(cred, egid.val);
    to->suid = READ(cred, suid.val);
    to->sgid = READ(cred, sgid.val);
    to->fsuid = READ(cred, fsuid.val);
    to->fsgid = READ(cred, fsgid.val);
    to->securebits = READ(cred, securebits);
    probe_read_kernel(&to->permitted, 8, (void *)&cred->cap_permitted);
    probe_read_kernel(&to->effective, 8, (void *)&cred->cap_effective);
    probe_read_kernel(&to->inheritable, 8, (void *)&cred->cap_inheritable);
    struct user_namespace *ns = (void *)READ(cred, user_ns);
    to->level = READ(ns, level);
    to->owner = READ(ns, owner.val);
    to->group = READ(ns, group.val);
    to->inode = READ(ns, ns.inum);
    return cred ? 0 : -14;
}
#endif

#ifdef USES_read_bpf_attr
// The attributes of BPF_PROG_LOAD: the kernel's copy or, at the system call, the caller's.
inlined s32 read_bpf_attr(struct bpf_program_value *to, u64 address)
{
    struct {
        u32 type, instructions;
        u64 code, license;
        u32 log_level, log_size;
        u64 log;
        u32 version, flags;
        char name[16];
    } attributes = {};
    s32 error = read_memory(&attributes, sizeof(attributes), address);
    to->type = attributes.type;
    to->instructions = attributes.instructions;
    __builtin_memcpy(to->name, attributes.name, 16);
    return error;
}
#endif

#ifdef HAVE_bpf_prog__aux
inlined s32 read_bpf_prog(struct bpf_program_value *to, struct bpf_prog *program)
{
    to->type = READ(program, type);
    to->instructions = READ(program, len);
    struct bpf_prog_aux *more = READ(program, aux);
    return probe_read_kernel(to->name, 16, (void *)&more->name);
}
#endif

#ifdef HAVE_bpf_map__map_type
inlined s32 read_bpf_map(struct bpf_map_value *to, struct bpf_map *map)
{
    to->type = READ(map, map_type);
    to->key_size = READ(map, key_size);
    to->value_size = READ(map, value_size);
    to->max_entries = READ(map, max_entries);
    return probe_read_kernel(to->name, 16, (void *)&map->name);
}
#endif

#ifdef HAVE_perf_event__attr
inlined s32 read_perf_event(struct perf_event_value *to, struct slot *slot, struct perf_event *event)
{
    to->type = READ(event, attr.type);
    to->config = READ(event, attr.config);
    to->offset = READ(event, attr.probe_offset);
    // The name of a function to probe, in the memory of the process that opens the event.
    u64 function = READ(event, attr.kprobe_func);
    slot->size = 0;
    if (function)
        read_string(slot, function);
    return event ? 0 : -14;
}
#endif

#ifdef USES_hash_file
// bpf_ima_file_hash, which bcc's headers may not know; returns the algorithm.
static long (*ima_file_hash)(struct file *file, void *to, u32 size) = (void *)193;

inlined void hash_file(struct ima_value *to, struct file *file)
{
    long algorithm = ima_file_hash(file, to->digest, sizeof(to->digest));
    to->error = algorithm < 0 ? algorithm : 0;
    to->algorithm = algorithm;
}
#endif

#ifdef HAVE_module__taints
inlined s32 read_module(struct module_value *to, struct slot *slot, struct module *module)
{
    to->taints = READ(module, taints);
    to->has_signature = 0;
    to->signature_ok = 0;
    return read_string(slot, (u64)&module->name);
}
#endif

#ifdef HAVE_load_info__name
inlined s32 read_load_info(struct module_value *to, struct slot *slot, struct load_info *info)
{
    to->taints = 0;
    to->has_signature = 1;
#ifdef HAVE_load_info__sig_ok
    to->signature_ok = READ(info, sig_ok);
#endif
    return read_string(slot, (u64)READ(info, name));
}
#endif
