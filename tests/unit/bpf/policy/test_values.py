"""The layouts of values.py and of c/policy/records.h are the same."""

import struct

import pytest

from osmia_bpf.policy import values
from osmia_bpf.programs import c_source
from osmia_bpf.records import RecordError
from tests.unit.bpf.policy.c_program import run

FIRST_AND_LAST = {
    "sock_value": ("cookie", "priority"),
    "skb_value": ("source", "security_path_offload_length"),
    "cred_value": ("uid", "inheritable"),
    "module_value": ("taints", "signature_ok"),
}


def test_sizes_are_those_of_c(tmp_path):
    names = list(values.LAYOUTS)
    main = "".join(f'printf("%zu ", sizeof(struct {name}));' for name in names)
    main += 'printf("%zu ", sizeof(struct policy_header));'
    found = [int(word) for word in run(tmp_path, c_source("policy/records.h"), main)]
    assert found == [values.LAYOUTS[name][0].size for name in names] + [values.HEADER.size]
    assert all(size % 8 == 0 for size in found)


def test_fields_lie_where_c_has_them(tmp_path):
    """Each field gets its own number in C, and has to come back as that."""
    names = sorted(values.LAYOUTS)
    main = "unsigned char out[256];\n"
    for name in names:
        fields = values.LAYOUTS[name][1]._fields
        sets = "".join(
            f"memset((void *)&v.{field}, {at + 1}, sizeof(v.{field}));"
            for at, field in enumerate(fields)
        )
        main += f"{{ struct {name} v; memset(&v, 0, sizeof(v)); {sets}"
        main += 'for (int i = 0; i < sizeof(v); i++) printf("%02x", ((u8 *)&v)[i]);'
        main += 'printf(" "); }\n'
    for name, word in zip(names, run(tmp_path, c_source("policy/records.h"), main), strict=True):
        layout, kind = values.LAYOUTS[name]
        _, _, *rest = layout.unpack(bytes.fromhex(word))
        for at, value in enumerate(kind._make(rest)):
            raw = value if isinstance(value, bytes) else value.to_bytes(8, "little")
            assert set(raw) <= {0, at + 1}, (name, kind._fields[at])
            assert raw[0] == at + 1


def header(**changes):
    fields = dict.fromkeys(values.Header._fields, 0) | changes
    return values.HEADER.pack(*fields.values())


def test_a_whole_record():
    raw = header(policy=3, hook=1, tgid=9, kernel_frames=1, user_frames=2)
    raw += (
        struct.pack("=iIQ", 0, 0, 7) + struct.pack("=iI", 0, 3) + struct.pack("=iIII", -14, 2, 0, 1)
    )
    raw += b"abc" + b"/x" + struct.pack("=3Q", 10, 20, 30)
    record = values.decode_record(
        raw, values.decode_header(raw), ("number_value", "text_value", "file_value")
    )
    assert record.header.policy == 3
    assert record.arguments == (
        values.DecodedArgument(0, values.Number(7), b""),
        values.DecodedArgument(0, values.Text(), b"abc"),
        values.DecodedArgument(-14, values.File(0, 1), b"/x"),
    )
    assert record.kernel_stack == (10,)
    assert record.user_stack == (20, 30)


@pytest.mark.parametrize("cut", [1, 30, 80, 90, 96, 104])
def test_a_short_record_is_refused(cut):
    raw = header() + struct.pack("=iIQ", 0, 0, 7) + struct.pack("=iI", 0, 3) + b"abc"
    with pytest.raises(RecordError):
        values.decode_record(
            raw[:cut], values.decode_header(raw[:cut]), ("number_value", "text_value")
        )
