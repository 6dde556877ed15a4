// The cgroup that names a task's container, and which policies apply to the processes in it.

#ifndef OF
#define OF(pointer, field) ((pointer)->field)
#endif

// Each hierarchy numbers its cgroups by itself, so an id of a v1 hierarchy bears this mark.
#define CGROUP_V1_ID (1ULL << 63)
#define HOST_CGROUP 0

#define SELECTION_WORDS 8  // of 64 policies each
#define MAX_CGROUPS 16384

// One bit for each policy that selects by pod, container or host.
struct selection {
    u64 words[SELECTION_WORDS];
};

// All cgroups that are in containers, and HOST_CGROUP, which stands for all others. Made as they
// come: space for as many as a node could have would mostly lie idle.
BPF_F_TABLE("hash", u64, struct selection, selections, MAX_CGROUPS, BPF_F_NO_PREALLOC);

struct task_cgroup {
    struct kernfs_node *node;
    u64 id;
    struct selection *selection;  // null on the host
};

inlined struct task_cgroup in_unified(struct cgroup *unified)
{
    struct task_cgroup found = {.node = OF(unified, kn)};
    found.id = OF(found.node, id);
    found.selection = selections.lookup(&found.id);
    return found;
}

// In a mounted v1 hierarchy of the memory or pids controller, into which runtimes put containers,
// or in the unified one: the one that is in a container; if neither is, in v1 below its root.
inlined struct task_cgroup cgroup_of(struct task_struct *task)
{
    struct css_set *set = OF(task, cgroups);
    struct cgroup *unified = OF(set, dfl_cgrp);
#ifdef CGROUP_V1_SUBSYSTEM
    struct cgroup_subsys_state *state = OF(set, subsys[CGROUP_V1_SUBSYSTEM]);
    struct cgroup *legacy = OF(state, cgroup);
    if (OF(legacy, root) != OF(unified, root) && OF(legacy, level) > 0) {
        struct task_cgroup found = {.node = OF(legacy, kn)};
        found.id = OF(found.node, id) | CGROUP_V1_ID;
        found.selection = selections.lookup(&found.id);
        if (found.selection)
            return found;
        struct task_cgroup other = in_unified(unified);
        return other.selection ? other : found;
    }
#endif
    return in_unified(unified);
}

inlined u64 cgroup_id(struct task_struct *task)
{
    return cgroup_of(task).id;
}
