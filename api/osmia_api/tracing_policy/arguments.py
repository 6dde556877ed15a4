"""Arguments: what a hook reads from its function, and as what."""

from typing import Literal

from osmia_api.resource.base import Bool, Defaulted, ResourceModel, Text, Uint31

ArgumentType = Literal[
    "auto",
    "int",
    "sint8",
    "int8",
    "uint8",
    "sint16",
    "int16",
    "uint16",
    "uint32",
    "sint32",
    "int32",
    "ulong",
    "uint64",
    "size_t",
    "long",
    "sint64",
    "int64",
    "char_buf",
    "char_iovec",
    "skb",
    "sock",
    "sockaddr",
    "socket",
    "sockaddr_un",
    "string",
    "fd",
    "file",
    "filename",
    "path",
    "nop",
    "bpf_attr",
    "perf_event",
    "bpf_map",
    "user_namespace",
    "capability",
    "kiocb",
    "iov_iter",
    "cred",
    "const_buf",
    "load_info",
    "module",
    "syscall64",
    "kernel_cap_t",
    "cap_inheritable",
    "cap_permitted",
    "cap_effective",
    "linux_binprm",
    "data_loc",
    "net_device",
    "bpf_cmd",
    "dentry",
    "bpf_prog",
]


class Argument(ResourceModel):
    """One value that a hook reads."""

    index: Uint31
    """Position of the argument, from 0; of the field, for tracepoints."""
    type: Defaulted[ArgumentType] = "auto"
    """How to read the argument. auto takes the type that the kernel's type information names."""
    label: Text = ""
    """Name that the argument gets in events."""
    size_arg_index: Uint31 = 0
    """Position, from 1, of the argument that holds the size of this buffer."""
    return_copy: Defaulted[Bool] = False
    """Read the buffer when the function returns, for functions that fill it."""
    max_data: Defaulted[Bool] = False
    """Read as much of the buffer as can be, up to 327360 bytes, instead of 4096."""
    resolve: Defaulted[Text] = ""
    """Dotted path to a member below the argument, such as mm.owner.comm or [0]."""
    btf_type: Text = ""
    """Kernel type to take the argument for before its path is resolved."""
    btf_type_module: Text = ""
    """Kernel module that defines btfType."""
    source: Text = ""
    """Where the value comes from, in data only: current_task or pt_regs."""
