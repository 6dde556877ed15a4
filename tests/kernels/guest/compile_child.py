"""Stands for the agent's compile child in a guest: hands its jobs to the machine that runs it.

Under emulation clang takes twenty times as long. So the jobs on standard input go through a port
of a virtio console to a `CompileService`, which does them as the child would do them here, and what
it answers is what the child would have written. With `facts` as its argument it sends, before all
jobs, what compiling depends on of this kernel.
"""

import fcntl
import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

PORT = "/dev/osmia-compile"
LOCK = Path("/run/osmia-compile.lock")
REAL = Path("/run/real_compile_child.py")
CHUNK = 30000  # The driver hands on up to 32 KiB as one piece: a killed child leaves no half ones.
BTF = Path("/sys/kernel/btf")
FACTS = {
    "kallsyms": Path("/proc/kallsyms"),
    "tracing/available_filter_functions": Path("/sys/kernel/tracing/available_filter_functions"),
}
EVENTS = Path("/sys/kernel/tracing/events")


def ask(kind, content):
    """Return the status and the text of the answer."""
    nonce = os.urandom(16)
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        port = os.open(PORT, os.O_RDWR)
        for at in range(0, len(content), CHUNK):
            piece = content[at : at + CHUNK]
            numbers = b"".join(n.to_bytes(4, "little") for n in (len(content), at, len(piece)))
            os.write(port, nonce + kind + numbers + piece)
        answer = b""
        # What comes before may be the rest of an answer to a child that was killed.
        while nonce not in answer:
            answer = answer[-len(nonce) :] + os.read(port, 1 << 16)
        answer = answer.partition(nonce)[2]
        while len(answer) < 5 or len(answer) < 5 + int.from_bytes(answer[1:5], "little"):
            answer += os.read(port, 1 << 16)
        os.close(port)
    return answer[0], answer[5:]


def facts():
    """Return an archive of what compiling depends on."""
    packed = io.BytesIO()
    paths = dict(FACTS)
    # Those of the modules as well that are loaded.
    paths |= {f"btf/{path.name}": path for path in BTF.iterdir()}
    for path in EVENTS.glob("*/*/format"):
        paths[f"tracing/events/{path.relative_to(EVENTS)}"] = path
    contents = {name: path.read_bytes() for name, path in paths.items()}
    contents["uname"] = "\n".join(os.uname()).encode()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in contents.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def main():
    """Do what the arguments and standard input ask for; return the exit status."""
    if sys.argv[1:] == ["facts"]:
        known, _ = ask(b"K", b"?")
        status, said = (0, b"") if known else ask(b"F", facts())
        answer(status, said)
        return status
    batch = b""
    for line in sys.stdin.buffer:
        if not line.isspace():
            batch += line
            continue
        if batch.count(f'"{BTF / "vmlinux"}"'.encode()) < len(batch.splitlines()):
            status = subprocess.run([sys.executable, REAL], input=batch, check=False).returncode
        else:
            status, said = ask(b"J", batch)
            answer(status, said)
        if status:
            return status
        batch = b""
    return 0


def answer(status, said):
    """Write an answer where the real child would have written it."""
    to = (sys.stderr if status else sys.stdout).buffer
    to.write(said)
    to.flush()


if __name__ == "__main__":
    sys.exit(main())
exec(compile(REAL.read_text(), REAL, "exec"))
