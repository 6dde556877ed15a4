// Reading the kernel's memory. Fields come from BTF (osmia_bpf/headers.py), so the offsets are
// those of the running kernel; what differs between kernels is told by HAVE_struct__field.
//
// There are two ways to read. Through a pointer whose type the verifier knows (an argument of a
// program that is attached by BTF, and what such an argument points to) a field is simply loaded,
// pointer->field: a bad address reads as 0. Any other pointer needs READ, which calls a helper.

// The helpers that read. By bcc's own names for them it would go and find out whether the running
// kernel has them, and else take others.
static long (*probe_read_kernel)(void *to, u32 size, const void *from) =
    (void *)BPF_FUNC_probe_read_kernel;
static long (*probe_read_kernel_str)(void *to, u32 size, const void *from) =
    (void *)BPF_FUNC_probe_read_kernel_str;
static long (*probe_read_user)(void *to, u32 size, const void *from) =
    (void *)BPF_FUNC_probe_read_user;
static long (*probe_read_user_str)(void *to, u32 size, const void *from) =
    (void *)BPF_FUNC_probe_read_user_str;

// A copy of a field of a kernel object; zero where it cannot be read.
#define READ(pointer, field)                                                                       \
    ({                                                                                             \
        __typeof__((pointer)->field) _value;                                                       \
        __builtin_memset((void *)&_value, 0, sizeof(_value));                                      \
        probe_read_kernel((void *)&_value, sizeof(_value), (void *)&(pointer)->field);         \
        _value;                                                                                    \
    })

// Argument `index` of a program that is attached by BTF. bcc would turn every use of a pointer that
// it sees coming from the context into a call of a helper, so it must not see this one.
#define ARGUMENT(ctx, index)                                                                       \
    ({                                                                                             \
        void *_argument;                                                                           \
        asm volatile("%0 = *(u64 *)(%1 + %2)"                                                      \
                     : "=r"(_argument)                                                             \
                     : "r"(ctx), "i"((index) * 8));                                                \
        _argument;                                                                                 \
    })

// Keeps the compiler from moving a bound away from the value that the verifier must see bounded.
#define opaque(variable) asm volatile("" : "+r"(variable))
#define inlined static inline __attribute__((always_inline))
