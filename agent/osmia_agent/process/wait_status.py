"""How a process ended: the contract's `signal` and `status` from the code that wait(2) reports."""

from __future__ import annotations

_CORE_DUMPED = 0x80

_SIGNALS = (
    "", "SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE",
    "SIGKILL", "SIGUSR1", "SIGSEGV", "SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTERM", "SIGSTKFLT",
    "SIGCHLD", "SIGCONT", "SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGURG", "SIGXCPU",
    "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO", "SIGPWR", "SIGSYS",
)  # fmt: skip


def signal_name(code: int) -> str:
    """Return the name of the signal that ended the process.

    Empty if none did, and for real-time signals, which have no name in the contract.
    """
    number = code & 0xFF
    if number & _CORE_DUMPED:
        number &= 0x7F
    return _SIGNALS[number] if number < len(_SIGNALS) else ""


def exit_status(code: int) -> int:
    """Return the status that the process passed to exit(2); 0 if a signal ended it."""
    return (code >> 8) & 0xFF
