"""The C of the program that hashes the file of an LSM hook.

The kernel hashes for programs that may wait only, and these can neither walk a path nor be relied
on to enforce: one that waits keeps itself from running elsewhere on its CPU. So the hook's own
program decides and reports, and leaves word for this one, which runs behind it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia_bpf.programs import Program, ProgramKind

if TYPE_CHECKING:
    from osmia_bpf.policy.hook import ResolvedHook

HOOKS = {
    **dict.fromkeys(
        (
            *("bprm_check_security", "bprm_committed_creds", "bprm_committing_creds"),
            *("bprm_creds_for_exec", "bprm_creds_from_file"),
        ),
        "((struct linux_binprm *)ARGUMENT(ctx, 0))->file",
    ),
    **dict.fromkeys(
        (
            *("file_ioctl", "file_lock", "file_open", "file_post_open", "file_receive"),
            "mmap_file",
        ),
        "(struct file *)ARGUMENT(ctx, 0)",
    ),
}
"""Hooks that the contract hashes the files of: C for the file."""

FIELDS = {"linux_binprm": ("file",), "file": ("f_inode",)}
WAITING_ENTRIES = 4096
"""Threads that can be between the two programs at once."""


class ImaSource:
    """Writes the program that runs behind the one at the call."""

    def __init__(self, hook: ResolvedHook) -> None:
        self.hook = hook

    @property
    def name(self) -> str:
        """The function of the program."""
        return f"hook_{self.hook.number}_hash"

    def program(self) -> Program:
        """Return the program."""
        return Program(
            name=self.name,
            kind=ProgramKind.SLEEPABLE_LSM,
            target=self.hook.targets[0],
            btf_id=self.hook.btf_id,
        )

    def text(self) -> str:
        """Return the C of the program and of what it is left."""
        number = self.hook.number
        return f"""\
BPF_TABLE("lru_hash", u64, u64, unhashed_{number}, {WAITING_ENTRIES});
struct record_{number}_hash {{
    struct policy_header header;
    struct ima_value hash;
}};
long {self.name}(u64 *ctx)
{{
    u32 zero = 0;
    u64 thread = bpf_get_current_pid_tgid();
    u64 *entered = unhashed_{number}.lookup(&thread);
    if (!entered)
        return 0;
    struct record_{number}_hash record = {{}};
    struct policy_settings *own = settings.lookup(&zero);
    fill_header(&record.header, own ? own->policy : 0, {number}, bpf_ktime_get_ns());
    record.header.entry_ktime_ns = *entered;
    record.header.phase = PHASE_RETURN;
    unhashed_{number}.delete(&thread);
    hash_file(&record.hash, {HOOKS[self.hook.name]});
    submit({number}, &record, sizeof(record));
    return 0;
}}
"""
