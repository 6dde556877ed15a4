// Text of arguments: strings and buffers that are copied, and paths that are put together.

#define TEXT_BYTES 4096
#define NAME_BYTES 256
#define WALK_COMPONENTS 64  // of a path, in programs that nobody calls to go on from there
#define IOVEC_PIECES 64     // of a vector, where that is bounded

struct slot {
    struct dentry *dentry;  // of a path: where the walk up stands
    struct vfsmount *mount;
    u32 walking, truncated;
    u32 from, size;  // where the text is
    u64 address;     // of a buffer: where it was copied from, if that is one piece
    u64 pieces;      // of a vector: how many were looked at
    u32 searched, found;  // of a search: where it stands, and matches there
    // Behind the text there are zeros, as many as the longest value that it is compared with.
    char text[TEXT_BYTES + SLOT_REST_BYTES];
};

// Where the last `length` bytes of a text begin; it must not be shorter.
inlined const char *text_end(struct slot *slot, u32 length)
{
    u64 at = slot->from + slot->size - length;
    opaque(at);
    at &= TEXT_BYTES - 1;
    return &slot->text[at];
}

// A number that the loader puts in the place of the one given.
#define OF_LOADER(mark)                                                                            \
    ({                                                                                             \
        u64 _number;                                                                               \
        asm volatile("%0 = %1 ll" : "=r"(_number) : "i"(mark));                                    \
        _number;                                                                                   \
    })

// Bounds a 64 bit variable in the register where the verifier will look for it.
#define AT_MOST(variable, limit)                                                                   \
    asm volatile("if %0 <= %1 goto +1\n%0 = %1" : "+r"(variable) : "i"(limit))

#define IS_KERNEL_ADDRESS(address) ((s64)(address) < 0)

// Copies a string that ends with NUL, of a process or of the kernel. Where it is cut, its NUL is the
// first of the zeros behind the text.
inlined s32 read_string(struct slot *slot, u64 address)
{
    s32 size;
    if (IS_KERNEL_ADDRESS(address))
        size = probe_read_kernel_str(slot->text, TEXT_BYTES + 1, (void *)address);
    else
        size = probe_read_user_str(slot->text, TEXT_BYTES + 1, (void *)address);
    slot->from = 0;
    slot->size = size > 0 ? size - 1 : 0;
    return size < 0 ? size : 0;
}

// Copies memory of a process or of the kernel, as the address tells.
inlined s32 read_memory(void *to, u64 size, u64 address)
{
    if (IS_KERNEL_ADDRESS(address))
        return probe_read_kernel(to, size, (void *)address);
    return probe_read_user(to, size, (void *)address);
}

#ifdef USES_read_bytes
inlined s32 read_bytes(struct slot *slot, u64 address, u64 size)
{
    s32 error;
    u64 part = size;
    AT_MOST(part, TEXT_BYTES);
    if (IS_KERNEL_ADDRESS(address))
        error = probe_read_kernel(slot->text, part, (void *)address);
    else
        error = probe_read_user(slot->text, part, (void *)address);
    slot->from = 0;
    slot->size = error ? 0 : part;
    slot->address = address;
    return error;
}
#endif

#ifdef HAVE_MAY_GOTO
// Leaves a loop that the kernel finds too long; with it in them, loops need no bound of their own.
// Compilers know the instruction by name from LLVM 19 on only.
#define GOES_ON(turn, most)                                                                        \
    ({                                                                                             \
        __label__ too_long, end;                                                                   \
        bool _on = 1;                                                                              \
        asm volatile goto("1: .byte 0xe5, 0\n"                                                     \
                          ".long ((%l[too_long] - 1b - 8) / 8) & 0xffff\n"                         \
                          ".short 0"                                                               \
                          :                                                                        \
                          :                                                                        \
                          :                                                                        \
                          : too_long);                                                             \
        goto end;                                                                                  \
    too_long:                                                                                      \
        _on = 0;                                                                                   \
    end:                                                                                           \
        _on;                                                                                       \
    })
#else
#define GOES_ON(turn, most) ((turn)++ < (most))
#endif

#ifdef USES_read_iovec
// Copies the pieces of a vector one behind the other, as much as fits, from `skip` bytes on.
inlined s32 read_iovec(struct slot *slot, u64 address, u64 count, u64 skip, u64 *whole)
{
    struct {
        u64 base, length;
    } piece;
    s32 error = 0;
    *whole = 0;
    slot->from = 0;
    slot->size = 0;
    slot->address = 0;
    slot->pieces = 0;
    // In the map, as in walk_path: the verifier is to find each turn alike.
    volatile u64 *pieces = &slot->pieces;
    volatile u32 *size = &slot->size;
    u32 turn = 0;
#pragma unroll 1
    while (GOES_ON(turn, IOVEC_PIECES)) {
        u64 number = *pieces;
        if (number >= count)
            break;
        *pieces = number + 1;
        error = read_memory(&piece, sizeof(piece), address + number * sizeof(piece));
        if (error)
            break;
        if (number == 0) {
            piece.base += skip;
            piece.length -= skip;
            // A single piece can be read on behind the text's end.
            slot->address = count == 1 ? piece.base : 0;
        }
        *whole += piece.length;
        u64 at = *size;
        u64 room = TEXT_BYTES - at;
        u64 part = piece.length < room ? piece.length : room;
        *size = at + part;
        // The verifier does not see that the two together are bounded: there is room for both.
        AT_MOST(at, TEXT_BYTES);
        AT_MOST(part, TEXT_BYTES);
        error = read_memory(&slot->text[at], part, piece.base);
        if (error)
            break;
    }
    // Nobody knows how long the others are; that the text is not whole has to be told.
    if (slot->pieces < count)
        *whole += 1;
    return error;
}
#endif

#ifdef HAVE_iov_iter__count
// Copies what an iterator over memory still has before it.
inlined s32 read_iov_iter(struct slot *slot, struct iov_iter *iter, u64 *whole)
{
    u64 address = (u64)READ(iter, kvec), skip = READ(iter, iov_offset), all;
    s32 error;
#ifdef HAVE_iov_iter__iter_type
    u32 kind = READ(iter, iter_type);
#else
    u32 kind = READ(iter, type) & ~1;  // the lowest bit is the direction
#endif
    slot->size = 0;
    slot->from = 0;
    *whole = READ(iter, count);
#ifdef HAVE_ITER_UBUF
    if (kind == HAVE_ITER_UBUF)
        return read_bytes(slot, address + skip, *whole);
#endif
    if (kind != HAVE_ITER_IOVEC && kind != HAVE_ITER_KVEC)
        return -95;
    error = read_iovec(slot, address, READ(iter, nr_segs), skip, &all);
    if (slot->size > *whole)
        slot->size = *whole;
    return error;
}
#endif

#ifdef HAVE_dentry__d_name
// Begins a path; `dentry` and `mount` are where it ends.
inlined void start_path(struct slot *slot, struct dentry *dentry, struct vfsmount *mount)
{
    slot->dentry = dentry;
    slot->mount = mount;
    slot->truncated = 0;
    slot->from = TEXT_BYTES;
    slot->walking = dentry != 0;
    if (!dentry)
        return;
    if (!READ(dentry, d_hash.pprev) && READ(dentry, d_parent) != dentry) {
        static const char deleted[] = {' ', '(', 'd', 'e', 'l', 'e', 't', 'e', 'd', ')'};
        slot->from = TEXT_BYTES - sizeof(deleted);
#pragma unroll
        for (int i = 0; i < sizeof(deleted); i++)
            slot->text[TEXT_BYTES - sizeof(deleted) + i] = deleted[i];
    }
}

// Writes the names on the way to the process's root in front of one another. Without a mount the
// way ends at the root of the file system.
inlined void walk_path(struct slot *slot, struct dentry *root_dentry, struct vfsmount *root_mount)
{
    // What a turn changes stays in the map: known as a number, it would make every turn a case of
    // its own for the verifier.
    volatile u32 *from = &slot->from;
    u32 turn = 0;
#ifndef HAVE_MAY_GOTO
#ifdef WALK_COMPONENTS_MARK
    // Tail calls go on from there.
    u32 most = OF_LOADER(WALK_COMPONENTS_MARK);
#else
    u32 most = WALK_COMPONENTS;
#endif
#endif
#pragma unroll 1
    while (GOES_ON(turn, most)) {
        struct dentry *dentry = slot->dentry;
        struct vfsmount *mount = slot->mount;
        if (!slot->walking)
            return;
        if (dentry == root_dentry && mount == root_mount) {
            slot->walking = 0;
            return;
        }
        if (mount && dentry == READ(mount, mnt_root)) {
            struct mount *outer = (void *)((char *)mount - __builtin_offsetof(struct mount, mnt));
            struct mount *parent = READ(outer, mnt_parent);
            if (parent == outer) {
                slot->walking = 0;
                return;
            }
            slot->dentry = READ(outer, mnt_mountpoint);
            slot->mount = (void *)((char *)parent + __builtin_offsetof(struct mount, mnt));
            continue;
        }
        struct dentry *parent = READ(dentry, d_parent);
        if (parent == dentry) {
            slot->walking = 0;
            return;
        }
        u32 size = READ(dentry, d_name.len);
        opaque(size);
        size &= NAME_BYTES - 1;
        u32 at = *from;
        if (at < size + 1) {
            slot->truncated = 1;
            slot->walking = 0;
            return;
        }
        at -= size + 1;
        *from = at;
        opaque(at);
        at &= TEXT_BYTES - 1;
        slot->text[at] = '/';
        const unsigned char *name = READ(dentry, d_name.name);
        probe_read_kernel(&slot->text[at + 1], size, name);
        slot->dentry = parent;
    }
}

// Ends a path that was walked; a root, and what has no name, reads as "/".
inlined void finish_path(struct slot *slot)
{
    if (slot->from >= TEXT_BYTES) {
        slot->from = TEXT_BYTES - 1;
        slot->text[TEXT_BYTES - 1] = '/';
    }
    slot->size = TEXT_BYTES - slot->from;
}

inlined void start_file(struct slot *slot, struct file_value *value, struct file *file)
{
    struct path path = {};
    value->mode = 0;
    // An argument that may be none has to be looked at first: the verifier lets no program count on
    // from it before (mmap_file, in newer kernels).
    if (file) {
        opaque(file);
        struct inode *inode = READ(file, f_inode);
        value->mode = inode ? READ(inode, i_mode) : 0;
        path = READ(file, f_path);
    }
    start_path(slot, path.dentry, path.mnt);
}

inlined void start_dentry(struct slot *slot, struct file_value *value, struct dentry *dentry,
                          struct vfsmount *mount)
{
    struct inode *inode = READ(dentry, d_inode);
    value->mode = inode ? READ(inode, i_mode) : 0;
    start_path(slot, dentry, mount);
}

// The open file of the current task behind a descriptor; 0 if there is none.
inlined struct file *file_of_descriptor(struct task_struct *task, s32 descriptor)
{
    struct files_struct *files = OF(task, files);
    struct fdtable *table = READ(files, fdt);
    if (descriptor < 0 || (u32)descriptor >= READ(table, max_fds))
        return 0;
    struct file **open = (void *)READ(table, fd);
    struct file *file = 0;
    probe_read_kernel(&file, sizeof(file), open + descriptor);
    return file;
}
#endif
