"""Names that policies may use for numbers of the kernel."""

from __future__ import annotations

CAPABILITIES = (
    *("CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID"),
    *("CAP_KILL", "CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE"),
    *("CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK"),
    *("CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE"),
    *("CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE"),
    *("CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE"),
    *("CAP_AUDIT_CONTROL", "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG"),
    *("CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF"),
    "CAP_CHECKPOINT_RESTORE",
)
"""By bit."""

CAPABILITY_BITS = {name: bit for bit, name in enumerate(CAPABILITIES)}
CAPABILITY_BITS["DAC_OVERRIDE"] = CAPABILITY_BITS["CAP_DAC_OVERRIDE"]

FAMILIES = (
    *("AF_UNSPEC", "AF_UNIX", "AF_INET", "AF_AX25", "AF_IPX", "AF_APPLETALK", "AF_NETROM"),
    *("AF_BRIDGE", "AF_ATMPVC", "AF_X25", "AF_INET6", "AF_ROSE", "AF_DECNET", "AF_NETBEUI"),
    *("AF_SECURITY", "AF_KEY", "AF_NETLINK", "AF_PACKET", "AF_ASH", "AF_ECONET", "AF_ATMSVC"),
    *("AF_RDS", "AF_SNA", "AF_IRDA", "AF_PPPOX", "AF_WANPIPE", "AF_LLC", "AF_IB", "AF_MPLS"),
    *("AF_CAN", "AF_TIPC", "AF_BLUETOOTH", "AF_IUCV", "AF_RXRPC", "AF_ISDN", "AF_PHONET"),
    *("AF_IEEE802154", "AF_CAIF", "AF_ALG", "AF_NFC", "AF_VSOCK", "AF_KCM", "AF_QIPCRTR"),
    *("AF_SMC", "AF_XDP", "AF_MCTP"),
)
"""By number."""

FAMILY_NUMBERS = {name: number for number, name in enumerate(FAMILIES)}
FAMILY_NUMBERS |= {"AF_LOCAL": 1, "AF_ROUTE": 16}

PROTOCOL_NUMBERS = {
    "IPPROTO_IP": 0,
    "IPPROTO_ICMP": 1,
    "IPPROTO_IGMP": 2,
    "IPPROTO_IPIP": 4,
    "IPPROTO_TCP": 6,
    "IPPROTO_EGP": 8,
    "IPPROTO_PUP": 12,
    "IPPROTO_UDP": 17,
    "IPPROTO_IDP": 22,
    "IPPROTO_TP": 29,
    "IPPROTO_DCCP": 33,
    "IPPROTO_IPV6": 41,
    "IPPROTO_RSVP": 46,
    "IPPROTO_GRE": 47,
    "IPPROTO_ESP": 50,
    "IPPROTO_AH": 51,
    "IPPROTO_ICMPV6": 58,
    "IPPROTO_MTP": 92,
    "IPPROTO_BEETPH": 94,
    "IPPROTO_ENCAP": 98,
    "IPPROTO_PIM": 103,
    "IPPROTO_COMP": 108,
    "IPPROTO_SCTP": 132,
    "IPPROTO_UDPLITE": 136,
    "IPPROTO_MPLS": 137,
    "IPPROTO_ETHERNET": 143,
    "IPPROTO_RAW": 255,
    "IPPROTO_MPTCP": 262,
}

STATES = (
    *("", "TCP_ESTABLISHED", "TCP_SYN_SENT", "TCP_SYN_RECV", "TCP_FIN_WAIT1", "TCP_FIN_WAIT2"),
    *("TCP_TIME_WAIT", "TCP_CLOSE", "TCP_CLOSE_WAIT", "TCP_LAST_ACK", "TCP_LISTEN"),
    *("TCP_CLOSING", "TCP_NEW_SYN_RECV", "TCP_BOUND_INACTIVE"),
)
"""By number; 0 is none."""

STATE_NUMBERS = {name: number for number, name in enumerate(STATES) if name}

FILE_TYPES = {
    "SOCK": 0o140000,
    "SOCKET": 0o140000,
    "LNK": 0o120000,
    "LINK": 0o120000,
    "REG": 0o100000,
    "REGULAR": 0o100000,
    "BLK": 0o060000,
    "BLOCK": 0o060000,
    "DIR": 0o040000,
    "CHR": 0o020000,
    "CHAR": 0o020000,
    "FIFO": 0o010000,
    "PIPE": 0o010000,
}
"""The type's bits of a mode, by the contract's names."""

NAMESPACES = {
    "Uts": "uts",
    "Ipc": "ipc",
    "Mnt": "mnt",
    "Pid": "pid",
    "PidForChildren": "pid_for_children",
    "Net": "net",
    "Time": "time",
    "TimeForChildren": "time_for_children",
    "Cgroup": "cgroup",
    "User": "user",
}
"""The fields of C, by the contract's names."""
