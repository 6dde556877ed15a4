"""Bytecode of programs that can be in a chain, with what is behind them and without."""

import pytest

from osmia_agent.kernel.loader import tail_call, with_successor, with_walk
from osmia_bpf.programs import CHAIN_MARK, WALK_COMPONENTS_MARK, WALK_RUNS_MARK, Walk

LOW, HIGH = (CHAIN_MARK >> shift & 0xFFFFFFFF for shift in (0, 32))
OTHER = bytes.fromhex("db20000000000000")  # *(u64 *)r0 += r2
NOTHING = bytes.fromhex("0500000000000000")  # goto +0
END = bytes.fromhex("b700000000000000 9500000000000000")  # r0 = 0; exit
CALL = bytes.fromhex("b703000000000000 850000000c000000")  # r3 = 0; call tail_call
CONTEXT = {
    "in a register": bytes.fromhex("bf61000000000000"),  # r1 = r6
    "on the stack": bytes.fromhex("79a1d0ff00000000"),  # r1 = *(u64 *)(r10 - 48)
}


def loaded(register, low, high, source=0):
    head = bytes((0x18, source << 4 | register, 0, 0))
    return head + low.to_bytes(4, "little") + bytes(4) + high.to_bytes(4, "little")


@pytest.mark.parametrize("map_fd", [None, 42])
def test_code_without_a_mark_stays_as_it_is(map_fd):
    code = OTHER + CONTEXT["in a register"] + CALL + END
    assert with_successor(code, map_fd) == code


@pytest.mark.parametrize("context", CONTEXT.values(), ids=CONTEXT)
@pytest.mark.parametrize("context_first", [False, True])
def test_without_a_map_nothing_is_called(context, context_first):
    pieces = [context, loaded(2, LOW, HIGH)]
    code = OTHER + b"".join(pieces if context_first else pieces[::-1]) + CALL + END
    assert with_successor(code, None) == OTHER + NOTHING * 5 + END


def test_what_the_compiler_puts_before_the_call_stays():
    context, mark = CONTEXT["on the stack"], loaded(2, LOW, HIGH)
    needed = bytes.fromhex("b708000000000000")  # r8 = 0
    arguments, call = context + CALL[:8], CALL[8:]
    code = OTHER + mark + needed + arguments + call + END
    assert with_successor(code, None) == OTHER + NOTHING * 2 + needed + arguments + NOTHING + END


def test_with_a_map_its_entry_is_called():
    # The compiler may have the end of a program twice.
    end = CONTEXT["on the stack"] + CALL + END
    code = (loaded(2, LOW, HIGH) + end) * 2
    assert with_successor(code, 42) == (loaded(2, 42, 0, source=1) + end) * 2


def test_the_root_of_a_chain_calls():
    assert tail_call(42) == loaded(2, 42, 0, source=1) + CALL


def test_a_walk_gets_its_numbers():
    marks = (WALK_COMPONENTS_MARK, WALK_RUNS_MARK, WALK_COMPONENTS_MARK)
    code = OTHER.join(loaded(7, mark & 0xFFFFFFFF, mark >> 32) for mark in marks) + END
    numbers = OTHER.join(loaded(7, number, 0) for number in (342, 6, 342)) + END
    assert with_walk(code, Walk(342, 6)) == numbers
    assert with_walk(code, None) == code
