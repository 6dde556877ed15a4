// Cgroups come and go. A container's is in the map before its first process is: with the policies
// of the cgroup around it if that is in a container, else with none until the reader has told which.

#define CONTAINER_NAME 64  // an id is that long, and some runtime's words may stand around it

inlined int names_containers(struct cgroup *cgroup, u64 *mark)
{
    struct task_struct *task = (void *)bpf_get_current_task();
    struct css_set *set = READ(task, cgroups);
    struct cgroup *unified = READ(set, dfl_cgrp);
    struct cgroup_root *root = READ(cgroup, root);
    *mark = 0;
    if (root == READ(unified, root))
        return 1;
#ifdef CGROUP_V1_SUBSYSTEM
    *mark = CGROUP_V1_ID;
    return READ(root, subsys_mask) & (1 << CGROUP_V1_SUBSYSTEM);
#else
    return 0;
#endif
}

inlined void tell(struct cgroup *cgroup, u32 change)
{
    u64 mark;
    if (!names_containers(cgroup, &mark))
        return;
    struct cgroup_record record = {.kind = RECORD_CGROUP, .change = change};
    struct kernfs_node *node = READ(cgroup, kn);
    struct cgroup_subsys_state *above = READ(cgroup, self.parent);
    struct cgroup *parent = READ(above, cgroup);
    struct kernfs_node *parent_node = READ(parent, kn);
    record.ktime_ns = bpf_ktime_get_ns();
    record.cgroup_id = READ(node, id) | mark;
    record.parent_id = READ(parent_node, id) | mark;
    int size = probe_read_kernel_str(record.name, sizeof(record.name), (void *)READ(node, name));
    record.name_size = size > 0 ? size - 1 : 0;
    u64 id = record.cgroup_id;
    if (change == CGROUP_REMOVED) {
        selections.delete(&id);
    } else {
        u64 parent_id = record.parent_id;
        struct selection *inherited = selections.lookup(&parent_id);
        struct selection none = {};
        if (inherited)
            selections.update(&id, inherited);
        else if (record.name_size >= CONTAINER_NAME)
            selections.update(&id, &none);
    }
    u32 name_size = record.name_size;
    opaque(name_size);
    name_size &= CGROUP_NAME_BYTES - 1;
    submit(RECORD_CGROUP, &record, sizeof(record) - sizeof(record.name) + name_size);
}

int on_cgroup_made(u64 *ctx)
{
    tell(ARGUMENT(ctx, 0), CGROUP_MADE);
    return 0;
}

int on_cgroup_removed(u64 *ctx)
{
    tell(ARGUMENT(ctx, 0), CGROUP_REMOVED);
    return 0;
}
