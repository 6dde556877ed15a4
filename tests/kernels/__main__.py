"""Command line of the kernel matrix: see `python -m tests.kernels --help`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.kernels import report
from tests.kernels.cache import Cache
from tests.kernels.commands import SetupError
from tests.kernels.guest import Cgroups, Hardware, Job
from tests.kernels.kernel import DEFAULT, KERNELS, Kernel
from tests.kernels.labelled import Labelled
from tests.kernels.machine import Machines
from tests.kernels.project import ROOT
from tests.kernels.report import KernelReport

_WHOLE = ("tests/bpf",)
# Where kernels differ most: what can be attached, where values are, what a program may do there.
# The others are about the agent, or compare generated code with a model: the same everywhere.
SELECTION = (
    "tests/bpf/test_exec_fields.py",
    "tests/bpf/test_feature_probe.py",
    "tests/bpf/test_lifecycle.py",
    "tests/bpf/test_privileges.py",
    "tests/bpf/policy/test_actions.py",
    "tests/bpf/policy/test_buffers.py",
    "tests/bpf/policy/test_chains.py",
    "tests/bpf/policy/test_denials.py",
    "tests/bpf/policy/test_hooks.py",
    "tests/bpf/policy/test_ima.py",
    "tests/bpf/policy/test_objects.py",
    "tests/bpf/policy/test_packets.py",
    "tests/bpf/policy/test_policies.py",
    "tests/bpf/policy/test_processes.py",
    "tests/bpf/policy/test_registers.py",
    "tests/bpf/policy/test_returns.py",
    "tests/bpf/policy/test_workloads.py",
)
_POLICIES = 44
"""How many at one function, which takes 40 programs at most."""
_PYTEST = (
    *("python", "-m", "pytest", "-v", "-p", "no:cacheprovider"),
    "--junitxml=/run/results/junit.xml",
    # A test that hangs shows where.
    *("-o", "faulthandler_timeout=300"),
)
_DID_NOT_FINISH = 125
_GUESTS_AT_ONCE = 2


def main(arguments: list[str]) -> int:
    """Do what the command line asks for and return the exit status."""
    # As with Ctrl-C: QEMU is ended and the run's folder removed on the way out.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    options, rest = parsed(arguments)
    hardware = Hardware(options.cpus, options.memory, options.kvm, options.icount)
    cache = Cache.from_environment(os.environ)
    with cache.scratch() as scratch:
        machines = Machines(cache, scratch, hardware)
        if options.action == "run":
            return _run(machines, KERNELS[options.kernel], options, hardware, rest)
        kernels = selected(options.kernels)
        with ThreadPoolExecutor(options.jobs) as pool:
            try:
                reports = list(
                    pool.map(
                        lambda kernel: _test(machines, kernel, options, hardware, rest), kernels
                    )
                )
            except KeyboardInterrupt:
                # The threads wait for their guests, and this one for the threads.
                machines.end()
                raise
    print(report.table(reports))
    return 0 if all(each.good for each in reports) else 1


def parsed(arguments: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Return the options, and what stands after the first `--`: it goes on as it is."""
    at = arguments.index("--") if "--" in arguments else len(arguments)
    rest = arguments[at + 1 :]
    parser = _parser()
    options = parser.parse_args(arguments[:at])
    if options.action == "run" and not rest:
        parser.error("no command: it follows after --")
    return options, rest


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.kernels")
    actions = parser.add_subparsers(dest="action", required=True)
    versions = ", ".join(KERNELS)
    test = actions.add_parser(
        "test",
        usage="%(prog)s [options] [KERNEL ...] [-- PYTEST ARGUMENTS]",
        help="run the live BPF tests of what kernels differ in, in each kernel",
    )
    test.add_argument(
        "kernels",
        nargs="*",
        metavar="KERNEL",
        type=_version,
        default=list(DEFAULT),
        help=f"any of {versions}, or all; without it {' and '.join(DEFAULT)}",
    )
    test.add_argument(
        "--jobs", type=int, default=_GUESTS_AT_ONCE, help="guests at once; default: %(default)s"
    )
    test.add_argument(
        "--whole", action="store_true", help="run all live BPF tests, which takes an hour and more"
    )
    run = actions.add_parser(
        "run",
        usage="%(prog)s [options] KERNEL -- COMMAND ...",
        help="run a command as root in the project's folder in a guest, and end with its status;"
        " what it leaves in /run/results is brought back",
    )
    run.add_argument("kernel", choices=KERNELS, metavar="KERNEL", help=f"one of {versions}")
    for action in (test, run):
        _add_options(action)
    return parser


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cpus", type=int, default=2)
    parser.add_argument("--memory", type=int, default=2048, metavar="MIB")
    parser.add_argument("--cgroups", type=Cgroups, default=Cgroups.V2, help="v2, v1 or hybrid")
    parser.add_argument("--time-limit", type=int, default=1800, metavar="SECONDS")
    parser.add_argument(
        "--results", type=Path, default=ROOT / "build/kernels", help="default: build/kernels"
    )
    speed = parser.add_mutually_exclusive_group()
    speed.add_argument("--kvm", action="store_true", help="instead of emulation")
    speed.add_argument(
        "--icount",
        action="store_true",
        help="one CPU, whose clock counts instructions, 1 ns each: times do not depend on load",
    )


def _version(word: str) -> str:
    # Not `choices`: those refuse the default of a list.
    if word not in ("all", *KERNELS):
        raise argparse.ArgumentTypeError(f"invalid choice: {word!r} (all, {', '.join(KERNELS)})")
    return word


def selected(versions: list[str]) -> list[Kernel]:
    """Return the kernels that are meant by versions, or by `all`."""
    if "all" in versions:
        return list(KERNELS.values())
    return [KERNELS[version] for version in versions]


def _job(command: tuple[str, ...], options: argparse.Namespace, hardware: Hardware) -> Job:
    environment = {
        "CI": "true",
        "OSMIA_TEST_POLICIES": str(_POLICIES),
        "OSMIA_TEST_SLOWDOWN": str(hardware.slowdown),
        # No test here needs plugins, all of whose modules pytest would rewrite and compile.
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    return Job(command, options.time_limit, options.cgroups, environment)


def _run(
    machines: Machines,
    kernel: Kernel,
    options: argparse.Namespace,
    hardware: Hardware,
    command: list[str],
) -> int:
    job = _job(tuple(command), options, hardware)
    try:
        outcome = machines.run(
            kernel, job, options.results / kernel.version, Labelled(b"", sys.stdout.buffer)
        )
    except (SetupError, OSError) as error:
        print(error, file=sys.stderr)
        return _DID_NOT_FINISH
    if outcome.status is None:
        print(outcome.trouble, file=sys.stderr)
        return _DID_NOT_FINISH
    return outcome.status


def _test(
    machines: Machines,
    kernel: Kernel,
    options: argparse.Namespace,
    hardware: Hardware,
    pytest_arguments: list[str],
) -> KernelReport:
    terminal = Labelled(f"{kernel.version:5}| ".encode(), sys.stdout.buffer)
    results = options.results / kernel.version
    chosen = [word for word in pytest_arguments if word.startswith("tests/")]
    tests = _WHOLE if options.whole else SELECTION
    command = (*_PYTEST, *(() if chosen else tests), *pytest_arguments)
    try:
        outcome = machines.run(kernel, _job(command, options, hardware), results, terminal)
    except (SetupError, OSError) as error:
        return KernelReport(kernel.version, 0, None, str(error))
    return report.judged(kernel.version, outcome, results)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
