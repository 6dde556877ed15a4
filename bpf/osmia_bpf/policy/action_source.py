"""Actions as C: what follows where a selector has matched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia_bpf.policy.actions import ENFORCING, ActionNumber
from osmia_bpf.policy.values import LAYOUTS
from osmia_bpf.programs import ProgramKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from osmia_bpf.policy.actions import Effect
    from osmia_bpf.policy.c_text import CText
    from osmia_bpf.policy.hook import Value

RATE_LIMIT_ENTRIES = 4096
KEY_BYTES = 40
"""How much of an argument's text tells repetitions apart, by the contract."""

_SCOPE_IDS = {
    "thread": "bpf_get_current_pid_tgid()",
    "process": "bpf_get_current_pid_tgid() >> 32",
    "global": "0",
}


def limit_declarations(
    c: CText, suffix: str, effects: Sequence[Effect], values: Sequence[Value]
) -> None:
    """Write the map in which rate limits note what was posted, if there are any."""
    if not any(effect.rate_limit_ns for effect in effects):
        return
    sizes = [f"    char k{value.key}[{_key_bytes(value)}];" for value in values]
    c.write(
        f"struct limit_{suffix} {{\n    u64 scope, selector;\n"
        + "\n".join(sizes)
        + "\n} __attribute__((aligned(8)));\n"
        f'BPF_TABLE("lru_hash", struct limit_{suffix}, u64, limits_{suffix}, '
        f"{RATE_LIMIT_ENTRIES});",
        0,
    )


def act(
    c: CText,
    suffix: str,
    kind: ProgramKind,
    first_selector: int,
    effects: Sequence[Effect],
    values: Sequence[Value],
) -> None:
    """Write what each selector does.

    C finds the time in `now` and the selector in `selected`; `post` then tells whether an event
    goes out, `action` what it shows, `kernel_stack` and `user_stack` what it carries, `result` what
    the program returns.
    """
    enforcing = any(number in ENFORCING for effect in effects for number in effect.numbers)
    c.write("bool post = 1;\nu32 action = 0;")
    if any(effect.has_stack for effect in effects):
        c.write("bool kernel_stack = 0, user_stack = 0;")
    if enforcing:
        c.write(
            "struct policy_settings *mode = settings.lookup(&zero);\n"
            "bool enforce = mode && mode->enforce;"
        )
        if any(effect.error is not None for effect in effects):
            c.write("long result = 0;")
    for at, effect in enumerate(effects):
        c.write(f"if (selected == {at}) {{")
        c.write(f"action = {int(effect.reported)};", 2)
        selector = first_selector + at
        for number in effect.numbers:
            enforced = "enforce" if number in ENFORCING else "1"
            if number is not ActionNumber.POST or not effect.rate_limit_ns:
                c.write(f"count_action({selector}, {int(number)}, {enforced});", 2)
        for signal in effect.signals:
            c.write(f"if (enforce)\n    bpf_send_signal({signal});", 2)
        if effect.error is not None:
            # Each as a branch with a number of its own: worked out by arithmetic, it would be one
            # that the verifier does not know, and not let an LSM program return.
            c.write(f'if (enforce)\n    asm volatile("%0 = {effect.error}" : "=r"(result));', 2)
            if kind is ProgramKind.KPROBE:
                c.write(f"if (enforce)\n    bpf_override_return(ctx, {effect.error});", 2)
        if not effect.post:
            c.write("post = 0;", 2)
        if effect.rate_limit_ns:
            _rate_limit(c, suffix, selector, effect, values)
        if effect.kernel_stack:
            c.write("kernel_stack = 1;", 2)
        if effect.user_stack:
            c.write("user_stack = 1;", 2)
        c.write("}")


def _rate_limit(
    c: CText, suffix: str, selector: int, effect: Effect, values: Sequence[Value]
) -> None:
    c.write(f"struct limit_{suffix} key = {{}};", 2)
    c.write(f"key.scope = {_SCOPE_IDS[effect.rate_limit_scope]};", 2)
    c.write(f"key.selector = {selector};", 2)
    for key, argument in values:
        if argument.type.has_text:
            c.write(
                f"u64 part{key} = n{key};\nAT_MOST(part{key}, {KEY_BYTES});\n"
                f"probe_read_kernel(key.k{key}, part{key}, t{key});",
                2,
            )
        else:
            c.write(f"__builtin_memcpy(key.k{key}, (char *)a{key} + 8, sizeof(key.k{key}));", 2)
    c.write(
        f"u64 *last = limits_{suffix}.lookup(&key);\n"
        f"if (last && now - *last < {effect.rate_limit_ns}ULL) {{\n    post = 0;\n}} else {{\n"
        f"    limits_{suffix}.update(&key, &now);\n"
        f"    count_action({selector}, {int(ActionNumber.POST)}, 1);\n}}",
        2,
    )


def _key_bytes(value: Value) -> int:
    if value.argument.type.has_text:
        return KEY_BYTES
    # Behind error and size, which every value begins with.
    return min(KEY_BYTES, LAYOUTS[value.argument.type.struct][0].size - 8)
