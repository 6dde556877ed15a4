"""Searches that a C compiler makes of the generated code find what Python finds."""

import json
import random

from osmia_bpf.policy.substring import substring_function
from tests.unit.bpf.policy.c_program import run

SLOT = """
#define TEXT_BYTES 4096
#define opaque(variable) asm volatile("" : "+r"(variable))
#define GOES_ON(turn, most) ((turn)++ < (most))
struct slot { u32 from, size, searched, found; char text[4096 + 256]; };
static struct slot slot;
static bool search(bool (*function)(struct slot *), u32 from, const char *text)
{
    // What was there before lies behind the text.
    memset(slot.text, 'a', sizeof(slot.text));
    slot.from = from;
    slot.size = strlen(text);
    strcpy(slot.text + from, text);
    return function(&slot);
}
"""


def part(chance):
    return "".join(chance.choice("abA.") for _ in range(chance.choice([1, 2, 3, 7, 8, 9, 16, 20])))


def test_searches(tmp_path):
    chance = random.Random(7)
    functions, calls, expected = [], [], []
    for number in range(20):
        ignore_case = number % 2 == 1
        values = [part(chance) for _ in range(chance.randrange(1, 5))]
        code = substring_function(
            f"search_{number}", [v.encode() for v in values], ignore_case=ignore_case
        )
        functions.append(code)
        for _ in range(20):
            text = part(chance) + chance.choice(["", part(chance), chance.choice(values)])
            start = chance.choice([0, 5, 3000])
            calls.append(f'printf("%d ", search(search_{number}, {start}, {json.dumps(text)}));')
            found = any((v.lower() in text.lower()) if ignore_case else v in text for v in values)
            expected.append(str(int(found)))
    assert run(tmp_path, SLOT + "\n".join(functions), "\n".join(calls)) == expected
    assert {"0", "1"} == set(expected)
