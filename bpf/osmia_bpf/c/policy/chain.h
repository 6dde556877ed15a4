// Where a program ends that can be one of a chain: programs of many policies at one function.

// The loader makes of this a call of the program behind this one; where there is no chain it takes
// it out. Until then a number stands for the map.
#define PASS_ON(ctx)                                                                               \
    ((void (*)(void *, u64, u32))BPF_FUNC_tail_call)(ctx, OF_LOADER(CHAIN_MARK), 0)
