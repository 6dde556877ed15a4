"""The images' lock files: what pyproject.toml asks for is in them, in a version that will do."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
BUILD_SYSTEM = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]
EXTRAS = PROJECT["optional-dependencies"]
# The Dockerfiles say which lock goes where; the agent's image holds the command line too.
ASKED = {
    "agent": [*PROJECT["dependencies"], *EXTRAS["agent"], *EXTRAS["cli"]],
    "operator": [*PROJECT["dependencies"], *EXTRAS["operator"]],
    "build": [
        *BUILD_SYSTEM["requires"],
        *re.findall(r"^[^#\s].*", (ROOT / "images/build.in").read_text(), re.MULTILINE),
    ],
}


def locked(name: str) -> dict[str, tuple[Version, int]]:
    """Version and number of hashes, by package."""
    text = (ROOT / f"images/{name}.lock").read_text()
    found = {}
    for entry in re.split(r"\n(?=\S)", text):
        if entry.startswith("#"):
            continue
        match = re.match(r"([\w.-]+)==(\S+)", entry)
        assert match, entry
        found[canonicalize_name(match[1])] = (Version(match[2]), entry.count("--hash=sha256:"))
    return found


@pytest.mark.parametrize("name", ASKED)
def test_a_lock_has_what_is_asked_for(name: str) -> None:
    """After a change of pyproject.toml: `make locks`."""
    held = locked(name)
    for text in ASKED[name]:
        requirement = Requirement(text)
        version, _ = held[canonicalize_name(requirement.name)]
        assert version in requirement.specifier, f"images/{name}.lock: {text}, and not {version}"


@pytest.mark.parametrize("name", ASKED)
def test_everything_locked_has_its_hashes(name: str) -> None:
    assert all(hashes for _, hashes in locked(name).values())


def test_every_lock_is_checked() -> None:
    assert {path.stem for path in (ROOT / "images").glob("*.lock")} == set(ASKED)


def test_what_two_images_hold_is_of_one_version() -> None:
    agent, operator = locked("agent"), locked("operator")
    for name in agent.keys() & operator.keys():
        assert agent[name][0] == operator[name][0], name
