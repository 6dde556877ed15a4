// Whether a policy, or a selector of it, applies to the workload that a task is in.

struct policy_scope {
    u32 word, unused;
    u64 mask;  // its bit in that word of a cgroup's selection
};

BPF_ARRAY(scopes, struct policy_scope, SCOPES);

inlined bool in_scope(struct task_struct *task, u32 number)
{
    struct policy_scope *scope = scopes.lookup(&number);
    if (!scope)
        return 0;
    struct selection *selection = cgroup_of(task).selection;
    if (!selection) {
        u64 host = HOST_CGROUP;
        selection = selections.lookup(&host);
    }
    u32 word = scope->word;
    opaque(word);
    word &= SELECTION_WORDS - 1;
    return selection && selection->words[word] & scope->mask;
}
