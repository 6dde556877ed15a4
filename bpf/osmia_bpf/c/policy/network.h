// Sockets, packets and addresses.

#define AF_UNIX 1
#define UNIX_PATH_BYTES 108
#define AF_INET 2
#define AF_INET6 10
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17

inlined u16 from_network(u16 number)
{
    return __builtin_bswap16(number);
}

#ifdef HAVE_sock__sk_type
inlined s32 read_sock(struct sock_value *to, struct sock *sock)
{
    to->cookie = (u64)sock;
    to->family = READ(sock, __sk_common.skc_family);
    to->state = READ(sock, __sk_common.skc_state);
    to->type = READ(sock, sk_type);
    to->protocol = READ(sock, sk_protocol);
    to->mark = READ(sock, sk_mark);
    to->priority = READ(sock, sk_priority);
    __builtin_memset(to->source, 0, 32);
    if (to->family == AF_INET) {
        probe_read_kernel(to->source, 4, &sock->__sk_common.skc_rcv_saddr);
        probe_read_kernel(to->destination, 4, &sock->__sk_common.skc_daddr);
    } else if (to->family == AF_INET6) {
#ifdef HAVE_sock_common__skc_v6_daddr
        probe_read_kernel(to->source, 16, &sock->__sk_common.skc_v6_rcv_saddr);
        probe_read_kernel(to->destination, 16, &sock->__sk_common.skc_v6_daddr);
#endif
    }
    to->source_port = READ(sock, __sk_common.skc_num);
    to->destination_port = from_network(READ(sock, __sk_common.skc_dport));
    return sock ? 0 : -14;
}
#endif

#ifdef HAVE_sk_buff__head
inlined s32 read_skb(struct skb_value *to, struct sk_buff *skb)
{
    to->hash = READ(skb, hash);
    to->length = READ(skb, len);
    to->mark = READ(skb, mark);
    to->priority = READ(skb, priority);
    to->security_path_length = 0;
    to->security_path_offload_length = 0;
    to->family = 0;
    to->protocol = 0;
    to->source_port = 0;
    to->destination_port = 0;
    __builtin_memset(to->source, 0, 32);
    char *head = (char *)READ(skb, head);
    char *ip = head + READ(skb, network_header);
    char *transport = head + READ(skb, transport_header);
    u8 version = 0;
    probe_read_kernel(&version, 1, ip);
    version >>= 4;
    u8 protocol = 0;
    if (version == 4) {
        to->family = AF_INET;
        probe_read_kernel(&protocol, 1, ip + 9);
        probe_read_kernel(to->source, 4, ip + 12);
        probe_read_kernel(to->destination, 4, ip + 16);
    } else if (version == 6) {
        to->family = AF_INET6;
        probe_read_kernel(&protocol, 1, ip + 6);
        probe_read_kernel(to->source, 16, ip + 8);
        probe_read_kernel(to->destination, 16, ip + 24);
    } else {
        return skb ? -22 : -14;
    }
    to->protocol = protocol;
    if (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP) {
        u16 ports[2] = {};
        probe_read_kernel(ports, 4, transport);
        to->source_port = from_network(ports[0]);
        to->destination_port = from_network(ports[1]);
    }
    return 0;
}
#endif

#ifdef USES_read_sockaddr
// An address of the kernel or, as an argument of a system call, of a process.
inlined s32 read_sockaddr(struct sockaddr_value *to, u64 address)
{
    u8 raw[28] = {};
    s32 error;
    __builtin_memset(to->address, 0, 16);
    to->family = 0;
    to->port = 0;
    // The family first: an address may be no longer than that.
    if ((s64)address < 0)
        error = probe_read_kernel(raw, 2, (void *)address);
    else
        error = probe_read_user(raw, 2, (void *)address);
    if (error)
        return error;
    u16 family = *(u16 *)raw;
    to->family = family;
    if (family == AF_INET) {
        if ((s64)address < 0)
            error = probe_read_kernel(raw, 8, (void *)address);
        else
            error = probe_read_user(raw, 8, (void *)address);
        __builtin_memcpy(to->address, raw + 4, 4);
    } else if (family == AF_INET6) {
        if ((s64)address < 0)
            error = probe_read_kernel(raw, 24, (void *)address);
        else
            error = probe_read_user(raw, 24, (void *)address);
        __builtin_memcpy(to->address, raw + 8, 16);
    } else {
        return 0;
    }
    to->port = from_network(*(u16 *)(raw + 2));
    return error;
}
#endif

#ifdef USES_read_unix_address
// The path of a Unix socket's address becomes its text; that of an abstract one begins with NUL.
inlined s32 read_unix_address(struct sockaddr_value *to, struct slot *slot, u64 address)
{
    s32 error = read_sockaddr(to, address);
    slot->from = 0;
    slot->size = 0;
    if (error || to->family != AF_UNIX)
        return error;
    return read_bytes(slot, address + 2, UNIX_PATH_BYTES);
}
#endif
