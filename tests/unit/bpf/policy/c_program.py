"""Compiles C with gcc and runs it: what the generated C says is what a compiler makes of it."""

import subprocess

TYPES = """\
#include <stdio.h>
#include <string.h>
#include <stddef.h>
typedef unsigned char u8; typedef signed char s8;
typedef unsigned short u16; typedef short s16;
typedef unsigned int u32; typedef int s32;
typedef unsigned long long u64; typedef long long s64;
typedef _Bool bool;
#define inlined static inline
"""


def run(folder, body, main):
    """Return the words that a program prints."""
    source = folder / "program.c"
    source.write_text(f"{TYPES}{body}\nint main(void) {{\n{main}\nreturn 0;\n}}\n")
    program = folder / "program"
    subprocess.run(["gcc", "-O1", "-w", "-o", program, source], check=True)
    result = subprocess.run([program], check=True, capture_output=True, text=True)
    return result.stdout.split()
