"""What the compact form shows of the tracepoint `raw_syscalls/sys_enter`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia_events.compact.syscall_tables import (
    Parameter,
    default_abi,
    syscall_name,
    syscall_parameters,
)

if TYPE_CHECKING:
    from osmia_events.model import KprobeArgument


def describe_sys_enter(arguments: tuple[KprobeArgument, ...]) -> str:
    """Return a call as `name(type parameter=value, ...)`.

    The first argument says which call, the others are its parameters. A call of another ABI than
    this machine's is `abi/name`; one that is not known is `unknown`.
    """
    abi, number = _identity(arguments)
    name = syscall_name(abi, number)
    if name is None:
        return "unknown"
    if abi != default_abi():
        return f"{abi}/{name}"
    parameters = syscall_parameters(name)
    if parameters is None:
        return name
    values = [argument.value if argument.kind == "size_arg" else None for argument in arguments[1:]]
    values += [None] * (len(parameters) - len(values))
    return f"{name}({', '.join(map(_assignment, parameters, values))})"


def _identity(arguments: tuple[KprobeArgument, ...]) -> tuple[str, int]:
    if arguments and arguments[0].kind == "long_arg":
        return default_abi(), arguments[0].value
    if arguments and arguments[0].kind == "syscall_id":
        return arguments[0].value.abi, arguments[0].value.id
    return default_abi(), -1


def _assignment(parameter: Parameter, value: int | None) -> str:
    if value is None:
        return f"{parameter.type} {parameter.name}=?"
    if parameter.type.endswith("*"):
        return f"{parameter.type}{parameter.name}=0x{value:x}"
    return f"{parameter.type} {parameter.name}={value}"
