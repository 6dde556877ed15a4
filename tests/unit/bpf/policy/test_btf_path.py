import pytest

from osmia_bpf.btf import Kind
from osmia_bpf.policy.btf_path import MAX_DEPTH, locate, value
from osmia_bpf.policy.problems import HookError, Place
from tests.unit.bpf.policy.small_kernel import small_btf

BTF = small_btf()
PLACE = Place(("spec", "resolve"))
OUTER = BTF.require("outer", Kind.STRUCT)


def read(path, *, pointer=False):
    return value(BTF, locate(BTF, OUTER, "p", path, PLACE), pointer=pointer, place=PLACE)


def test_pointers_are_followed_and_embedded_structs_are_not():
    assert read("mm.owner.flags") == "read_word((read_word((read_word(p, 8) + 8), 8) + 16), 4)"
    assert read("inner.owner.flags") == "read_word((read_word(((p + 16) + 8), 8) + 16), 4)"


def test_text_in_a_struct_is_given_by_its_address():
    assert read("mm.owner.comm", pointer=True) == "read_word((read_word(p, 8) + 8), 8)"


def test_a_pointer_is_given_by_its_value():
    assert read("mm.owner", pointer=True) == "read_word((read_word(p, 8) + 8), 8)"


def test_bit_fields():
    assert read("low") == "((read_word((p + 8), 1) >> 0) & 0xfULL)"
    assert read("high") == "((read_word((p + 8), 1) >> 4) & 0x7ULL)"


def test_elements():
    assert read("[2].low") == "((read_word(((p + 64) + 8), 1) >> 0) & 0xfULL)"
    assert read("mm[1].owner", pointer=True) == "read_word(((read_word(p, 8) + 16) + 8), 8)"
    assert read("mm.owner.comm[3]") == "read_word((read_word((read_word(p, 8) + 8), 8) + 3), 1)"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nothing", "struct outer has no member 'nothing'"),
        ("mm.nothing", "struct mm_struct has no member 'nothing'"),
        ("low.x", "'x': there is no struct"),
        ("mm..owner", "is not a path"),
        ("mm.[x]", "is not a path"),
        ("", "is not a path"),
        ("low[0]", "[0]: there is no array to look for it in"),
        ("inner[0].owner", "[0]: there is no array to look for it in"),
        ("mm.owner.comm[16]", "[16]: the array has 16 elements, from [0] on"),
        ("[" + "9" * 5000 + "]", "no array has an element of such a number"),
        (".".join(["mm"] * (MAX_DEPTH + 1)), f"more than {MAX_DEPTH} steps"),
        ("mm.owner.comm", "leads to a struct or array"),
    ],
)
def test_what_leads_nowhere(path, message):
    with pytest.raises(HookError, match=r"^spec\.resolve: ") as caught:
        read(path)
    assert message in str(caught.value)
