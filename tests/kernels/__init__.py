"""The kernel matrix: the project's live BPF tests inside Debian's kernels, under QEMU.

`python -m tests.kernels test 6.1 6.12` boots each kernel with a minimal Debian 12 around it and
runs tests of `tests/bpf` there as root; `python -m tests.kernels run 6.12 -- COMMAND...` runs a
command. No kernel is installed on this machine and its apt configuration is only read. What is
downloaded and built is kept in OSMIA_VM_DIR (default /var/tmp/osmia-vm); remove that folder to
start afresh, for instance to get newer packages.

The modules, from the ground up: `commands`, `cache`, `debian`, `disk`; then the parts of a guest:
`qemu`, `kernel` (with its `initramfs`), `rootfs`, `project`, `compile_service` (which compiles for
guests, natively); then `guest` (what QEMU is told), `machine` (a run of it), `labelled` and
`report`; `__main__` is the command line. `guest/` holds the scripts that run inside.

Only the standard library is used, and Debian's tools.
"""
