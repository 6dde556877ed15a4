"""CEL expressions over numbers of arguments (the operator CelExpr), as C.

The part of CEL that the contract names: `arg0`, `arg1` ... by their places in the hook's args,
numbers, + - and comparisons, && || !, int32() uint32() int64() uint64(), and() or() xor() not().
As in CEL, both sides of an operator are of one type; a number takes that of the other side.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from osmia_bpf.policy.decision import constant
from osmia_bpf.policy.hook import Value
from osmia_bpf.policy.problems import shown
from osmia_bpf.policy.types import Family

if TYPE_CHECKING:
    from collections.abc import Sequence

    from osmia_bpf.policy.hook import Argument
    from osmia_bpf.policy.problems import Place

MAX_EXPRESSION_CHARACTERS = 1000
MAX_DEPTH = 50

_TOKEN = re.compile(
    r"\s*(?:(0[xX][0-9a-fA-F]+|\d+)([uU]?)|([A-Za-z_]\w*)|(\|\||&&|[=!<>]=|[-+!<>(),]))"
)
_ARGUMENT = re.compile(r"arg(\d+)")
_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
_BITWISE = {"and": "&", "or": "|", "xor": "^"}


class _Type(NamedTuple):
    """A number's type; of 0 bits is what is written in the expression and fits any."""

    bits: int
    signed: bool

    def __str__(self) -> str:
        return f"{'' if self.signed else 'u'}int{self.bits}"


class _Term(NamedTuple):
    """C of 64 bits; `type` is None for truth values, `literal` set for numbers as written."""

    c: str
    type: _Type | None
    literal: int | None = None


_CONVERSIONS = {
    "int32": _Type(32, signed=True),
    "uint32": _Type(32, signed=False),
    "int64": _Type(64, signed=True),
    "int": _Type(64, signed=True),
    "uint64": _Type(64, signed=False),
    "uint": _Type(64, signed=False),
}
_LITERAL = _Type(0, signed=True)


def expression_test(
    text: str, arguments: Sequence[Argument], used: dict[str, Value], place: Place
) -> str:
    """Return the test; the values that it looks at are added to `used`. Raises `HookError`."""
    if len(text) > MAX_EXPRESSION_CHARACTERS:
        place.fail(f"longer than {MAX_EXPRESSION_CHARACTERS} characters")
    parser = _Parser(text, arguments, used, place)
    term = parser.disjunction()
    if parser.next:
        parser.fail(f"unexpected {shown(parser.next)}")
    if term.type is not None:
        parser.fail("is a number, not a condition")
    return term.c


class _Parser:
    """Reads by recursive descent."""

    def __init__(
        self, text: str, arguments: Sequence[Argument], used: dict[str, Value], place: Place
    ) -> None:
        self._text = text
        self._arguments = arguments
        self._used = used
        self._place = place
        self._at = 0
        self._depth = 0
        self._unsigned = False
        self.next = ""
        self._advance()

    def fail(self, message: str) -> NoReturn:
        self._place.fail(f"{message}: {shown(self._text)}")

    def _advance(self) -> str:
        taken = self.next
        match = _TOKEN.match(self._text, self._at)
        if match is None:
            rest = self._text[self._at :].strip()
            if rest:
                self.fail(f"unexpected {rest[:10]!r}")
            self.next = ""
        else:
            self._at = match.end()
            self.next = match[1] or match[3] or match[4]
            self._unsigned = bool(match[2])
        return taken

    def _expect(self, word: str) -> None:
        if self.next != word:
            self.fail(f"expected {word!r}, found {shown(self.next or 'the end')}")
        self._advance()

    def disjunction(self) -> _Term:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self.fail(f"nested deeper than {MAX_DEPTH}")
        term = self._conjunction()
        while self.next == "||":
            self._advance()
            term = self._logical(term, "||", self._conjunction())
        self._depth -= 1
        return term

    def _conjunction(self) -> _Term:
        term = self._comparison()
        while self.next == "&&":
            self._advance()
            term = self._logical(term, "&&", self._comparison())
        return term

    def _logical(self, left: _Term, operator: str, right: _Term) -> _Term:
        if left.type is not None or right.type is not None:
            self.fail(f"{operator} is for conditions")
        return _Term(f"({left.c} {operator} {right.c})", None)

    def _comparison(self) -> _Term:
        term = self._sum()
        if self.next in _COMPARISONS:
            operator = self._advance()
            right = self._sum()
            if term.type is None and right.type is None and operator in {"==", "!="}:
                return _Term(f"({term.c} {operator} {right.c})", None)
            left, right, _ = self._alike(term, right, operator)
            return _Term(f"({left.c} {operator} {right.c})", None)
        return term

    def _sum(self) -> _Term:
        term = self._unary()
        while self.next in {"+", "-"}:
            operator = self._advance()
            left, right, type_ = self._alike(term, self._unary(), operator)
            if left.literal is not None and right.literal is not None:
                sign = 1 if operator == "+" else -1
                term = self._literal(left.literal + sign * right.literal)
            else:
                term = _converted(f"({left.c} {operator} {right.c})", type_)
        return term

    def _unary(self) -> _Term:
        if self.next == "!":
            self._advance()
            term = self._unary()
            if term.type is not None:
                self.fail("! is for conditions")
            return _Term(f"!{term.c}", None)
        if self.next == "-":
            self._advance()
            term = self._unary()
            if term.literal is not None:
                return self._literal(-term.literal)
            if term.type is None:
                self.fail("- is for numbers")
            return _converted(f"(-{term.c})", term.type)
        return self._primary()

    def _primary(self) -> _Term:
        if not self.next:
            self.fail("ends too early")
        unsigned = self._unsigned
        word = self._advance()
        if word == "(":
            term = self.disjunction()
            self._expect(")")
            return term
        if word[0].isdigit():
            term = self._literal(int(word, 0) if word[:2] in {"0x", "0X"} else int(word))
            return self._as(term, _CONVERSIONS["uint64"]) if unsigned else term
        if word in {"true", "false"}:
            return _Term("1" if word == "true" else "0", None)
        match = _ARGUMENT.fullmatch(word)
        if match:
            return self._argument(int(match[1]))
        if word in _CONVERSIONS:
            (term,) = self._call(word, 1)
            return self._as(term, _CONVERSIONS[word])
        if word == "not":
            (term,) = self._call(word, 1)
            if term.type is None or term.literal is not None:
                self.fail("not() is for arguments and converted numbers")
            return _converted(f"(~{term.c})", term.type)
        if word in _BITWISE:
            first, second = self._call(word, 2)
            left, right, type_ = self._alike(first, second, f"{word}()")
            return _converted(f"({left.c} {_BITWISE[word]} {right.c})", type_)
        return self.fail(
            f"unknown name {shown(word)}" if word.isidentifier() else f"unexpected {shown(word)}"
        )

    def _call(self, name: str, count: int) -> list[_Term]:
        self._expect("(")
        terms = [self.disjunction()]
        while self.next == ",":
            self._advance()
            terms.append(self.disjunction())
        self._expect(")")
        if len(terms) != count:
            self.fail(f"{name}() takes {count} value{'s' if count > 1 else ''}")
        return terms

    def _argument(self, at: int) -> _Term:
        if at >= len(self._arguments):
            self.fail(f"arg{at}: the hook has {len(self._arguments)} args")
        argument = self._arguments[at]
        type_ = argument.type
        if type_.family is not Family.NUMBER:
            self.fail(f"arg{at} is a {type_.name}, not a number")
        self._used[str(at)] = Value(str(at), argument)
        return _Term(f"v{at}", _Type(type_.bits, type_.signed))

    def _literal(self, number: int) -> _Term:
        if not -(1 << 63) <= number < 1 << 64:
            self.fail(f"{number} does not fit into 64 bits")
        return _Term(constant(number, signed=True), _LITERAL, number)

    def _as(self, term: _Term, type_: _Type) -> _Term:
        if term.type is None:
            self.fail(f"a condition is not a number of type {type_}")
        if term.literal is not None:
            low = -(1 << type_.bits - 1) if type_.signed else 0
            high = (1 << type_.bits - type_.signed) - 1
            if not low <= term.literal <= high:
                self.fail(f"{term.literal} is not a number of type {type_}")
            return _Term(constant(term.literal, signed=type_.signed), type_)
        return _converted(term.c, type_)

    def _alike(self, left: _Term, right: _Term, operator: str) -> tuple[_Term, _Term, _Type]:
        """Return both sides as numbers of one type."""
        if left.type is None or right.type is None:
            self.fail(f"{operator} is for two numbers")
        if left.literal is not None and right.literal is not None:
            return left, right, _LITERAL
        if left.literal is not None:
            return self._as(left, right.type), right, right.type
        if right.literal is not None:
            return left, self._as(right, left.type), left.type
        if left.type != right.type:
            self.fail(
                f"{operator} is for two numbers of one type, not {left.type} and {right.type}"
                " (int32(), uint32(), int64() and uint64() convert)"
            )
        return left, right, left.type


def _converted(c: str, type_: _Type) -> _Term:
    if not type_.bits:
        return _Term(c, type_)
    sign = "s" if type_.signed else "u"
    return _Term(f"({sign}64)({sign}{type_.bits}){c}", type_)
