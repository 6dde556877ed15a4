"""The pass that finds what no kernel could do: rules that go beyond the schema."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from osmia_api.tracing_policy.hooks import Tracepoint
from osmia_bpf.policy.problems import Place, shown

if TYPE_CHECKING:
    from osmia_api.resource.label_selector import LabelSelector
    from osmia_api.tracing_policy import TracingPolicySpec
    from osmia_api.tracing_policy.hooks import Hook
    from osmia_api.tracing_policy.policy import Option
    from osmia_api.tracing_policy.selectors import Selector

SECTIONS = ("kprobes", "fentries", "tracepoints", "uprobes", "usdts", "lsmhooks")
MAX_ARGUMENTS = 5
MAX_SELECTORS = 5
MAX_MESSAGE_BYTES = 256
MAX_TAG_BYTES = 128

_MIN_TEXT_BYTES = 2
_MAX_CONDITIONS = 5
_MAX_NAMESPACE_ENTRIES = 10
_TRUTH_VALUES = ("true", "false", "True", "False", "TRUE", "FALSE", "t", "f", "T", "F", "1", "0")
_OPTIONS = {
    "disable-kprobe-multi": _TRUTH_VALUES,
    "disable-uprobe-multi": _TRUTH_VALUES,
    "policy-mode": ("enforce", "monitor"),
    "override-method": ("fmod-ret", "override-return"),
}
_MAX_PATH_BYTES = 4096  # with the zero behind it
_MAX_NAME_BYTES = 255
_SIZE_OPTION = "sleepable-preload-size"
_POSITIVE = re.compile(r"\+?0*[1-9][0-9]*")
_DIGEST_DIGITS = {"sha1": 40, "sha256": 64, "sha384": 96, "sha512": 128, "build-id": 0}
"""How many hexadecimal digits each has; 0 for any number."""
_HEX = re.compile("(?:[0-9a-f]{2})+")
_FILE_NAME = re.compile(r"[\w-]{1,255}", re.ASCII)
_OVERRIDABLE = frozenset({"kprobes", "lsmhooks"})
_ENFORCING = ("Sigkill", "Signal", "Override", "NotifyEnforcer")
_ESCAPES = {
    '"': '\\"',
    "\\": "\\\\",
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
}


def hooks_of(spec: TracingPolicySpec) -> list[tuple[str, Place, Hook]]:
    """Return all hooks of a policy: their section, place and model."""
    return [
        (section, Place(("spec", section, at)), hook)
        for section in SECTIONS
        for at, hook in enumerate(getattr(spec, section))
    ]


def validate(spec: TracingPolicySpec) -> None:
    """Raise `HookError` for the first rule that the policy as a whole breaks."""
    used = [section for section in SECTIONS if getattr(spec, section)]
    if len(used) > 1:
        Place(("spec", used[1])).fail(
            f"a policy has one kind of hooks, and this one has {used[0]} already"
        )
    if spec.enforcers:
        Place(("spec", "enforcers")).fail("not supported by this version")
    if spec.loader:
        Place(("spec", "loader")).fail("not supported by this version")
    for at, option in enumerate(spec.options):
        _check_option(option, Place(("spec", "options", at, "value")))
    _check_labels(spec.pod_selector, Place(("spec", "podSelector")))
    _check_labels(spec.container_selector, Place(("spec", "containerSelector")))
    names = [each.name for each in spec.lists]
    for at, name in enumerate(names):
        if name in names[:at]:
            Place(("spec", "lists", at, "name")).fail(f"{shown(name)} is given twice")


def _check_labels(selector: LabelSelector | None, place: Place) -> None:
    """Raise `HookError` for a selector that Kubernetes would not take for one."""
    for at, each in enumerate(selector.match_expressions if selector else ()):
        where = place / "matchExpressions" / at / "values"
        if each.operator in {"In", "NotIn"} and not each.values:
            where.fail(f"{each.operator} needs at least one value")
        if each.operator not in {"In", "NotIn"} and each.values:
            where.fail(f"{each.operator} takes no values")


def _check_option(option: Option, place: Place) -> None:
    """Raise `HookError` for a value that an option cannot have; unknown options have no effect."""
    known = _OPTIONS.get(option.name)
    if known and option.value not in known:
        place.fail(f"{shown(option.value)} is not one of {', '.join(known)}")
    if option.name == _SIZE_OPTION and not _POSITIVE.fullmatch(option.value):
        place.fail(f"{shown(option.value)} is not a whole number above 0")


def validate_hook(section: str, hook: Hook, place: Place) -> None:
    """Raise `HookError` for the first rule that a hook breaks, whatever the kernel."""
    if section == "usdts":
        place.fail("not supported by this version")
    if isinstance(hook, Tracepoint):
        _check_file_name(hook.subsystem, place / "subsystem")
        _check_file_name(hook.event, place / "event")
    data = getattr(hook, "data", ())
    if len(hook.args) + len(data) > MAX_ARGUMENTS:
        (place / "args").fail(f"at most {MAX_ARGUMENTS} arguments, data included")
    if len(hook.selectors) > MAX_SELECTORS:
        (place / "selectors").fail(f"at most {MAX_SELECTORS} selectors")
    for at, selector in enumerate(hook.selectors):
        where = place / "selectors" / at
        if len(selector.match_args) + len(selector.match_data) > _MAX_CONDITIONS:
            (where / "matchArgs").fail(f"at most {_MAX_CONDITIONS} entries, matchData included")
        if len(selector.match_namespaces) > _MAX_NAMESPACE_ENTRIES:
            (where / "matchNamespaces").fail(f"at most {_MAX_NAMESPACE_ENTRIES} entries")
        if len(selector.match_namespace_changes) > 1:
            (where / "matchNamespaceChanges").fail("at most one entry")
        if workloads := selector.match_workloads:
            _check_labels(workloads.pod_selector, where / "matchWorkloads" / "podSelector")
            _check_labels(
                workloads.container_selector, where / "matchWorkloads" / "containerSelector"
            )
        _validate_actions(section, hook, selector, where)
    message_text(hook.message, place / "message")
    tag_texts(hook.tags, place / "tags")


def _check_file_name(name: str, place: Place) -> None:
    """Raise `HookError` for what would lead elsewhere: the kernel tells of it in such a file."""
    if not _FILE_NAME.fullmatch(name):
        place.fail(f"{shown(name)} is not a name: it may have up to 255 letters, digits, _ and -")


def _validate_actions(section: str, hook: Hook, selector: Selector, place: Place) -> None:
    for at, action in enumerate(selector.match_actions):
        where = place / "matchActions" / at / "action"
        if section == "fentries" and action.action in _ENFORCING:
            where.fail(f"{action.action} is not for fentries")
        if action.action == "Override" and section not in _OVERRIDABLE:
            where.fail(f"Override is not for {section}")
        if action.ima_hash and section != "lsmhooks":
            (place / "matchActions" / at / "imaHash").fail(f"is for lsmhooks, not for {section}")
    if selector.match_return_actions and not getattr(hook, "return_", False):
        (place / "matchReturnActions").fail("the hook needs return: true and returnArg")
    for at, action in enumerate(selector.match_return_actions):
        where = place / "matchReturnActions" / at / "action"
        if section == "fentries" and action.action in _ENFORCING:
            where.fail(f"{action.action} is not for fentries")
        if action.action == "Override":
            where.fail("Override is for matchActions: it acts before the call")


def check_path(text: str, place: Place) -> None:
    """Raise `HookError` for what the kernel does not take for the path of a file, there or not."""
    parts = text.encode().split(b"/")
    fits = sum(map(len, parts)) + len(parts) <= _MAX_PATH_BYTES
    if not text or "\0" in text or not fits or max(map(len, parts)) > _MAX_NAME_BYTES:
        place.fail(f"{shown(text)} is not the path of a file")


def check_symbol(text: str, place: Place) -> None:
    """Raise `HookError` for what no symbol of a binary can be."""
    if not text.partition("+")[0] or "\0" in text:
        place.fail(f"{shown(text)} is not a symbol, nor NAME+OFFSET")


def check_digest(text: str, place: Place) -> None:
    """Raise `HookError` for what is not the digest of a binary."""
    algorithm, _, digits = text.lower().partition(":")
    length = _DIGEST_DIGITS.get(algorithm)
    if length is None:
        place.fail(
            f"{shown(text)} does not begin with one of {', '.join(_DIGEST_DIGITS)} and a colon"
        )
    if not _HEX.fullmatch(digits) or (length and len(digits) != length):
        place.fail(f"{shown(text)}: {algorithm} takes {length or 'some'} hexadecimal digits")


def message_text(text: str, place: Place) -> str:
    """Return a hook's message as events show it: at most 256 bytes, escaped as Go's %q does."""
    if not text:
        return ""
    if len(text.encode()) < _MIN_TEXT_BYTES:
        place.fail(f"{shown(text)} is too short: at least {_MIN_TEXT_BYTES} bytes")
    return escaped(_cut(text, MAX_MESSAGE_BYTES))


def tag_texts(tags: tuple[str, ...], place: Place) -> tuple[str, ...]:
    """Return a hook's tags as events show them."""
    for at, tag in enumerate(tags):
        if len(tag) < _MIN_TEXT_BYTES:
            (place / at).fail(f"{shown(tag)} is too short: at least {_MIN_TEXT_BYTES} characters")
    return tuple(escaped(_cut(tag, MAX_TAG_BYTES)) for tag in tags)


def escaped(text: str) -> str:
    """Return text without what is not printable, in Go's notation."""
    return "".join(_ESCAPES.get(char) or _shown(char) for char in text)


def _shown(char: str) -> str:
    if char.isprintable():
        return char
    code = ord(char)
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _cut(text: str, max_bytes: int) -> str:
    return text.encode()[:max_bytes].decode(errors="ignore")
