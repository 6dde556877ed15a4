"""The page of licences: of what is locked, and made of what the packages say of themselves."""

from __future__ import annotations

import re

import pytest

from scripts.licences import PAGE, ROOT, copyright_licences, licence, page, python_parts
from tests.unit.test_locks import locked


@pytest.mark.parametrize("image", ["agent", "operator"])
def test_the_page_has_what_is_locked(image: str) -> None:
    """After a change of a lock file: `make licences`."""
    python = PAGE.read_text().partition("## Debian packages")[0]
    rows = re.findall(r"^\| ([\w-]+) \| (\S+) \| ([^|]+) \| ([\w, ]+) \|$", python, re.MULTILINE)
    held = {name: version for name, version, _, images in rows if image in images.split(", ")}
    assert held == {name: str(version) for name, (version, _) in locked(image).items()}


def test_the_page_has_packages_of_debian() -> None:
    debian = PAGE.read_text().partition("## Debian packages")[2]
    assert re.search(r"^\| python3-bpfcc \| .*Apache-2.0.* \| agent \|$", debian, re.MULTILINE)
    assert re.search(r"^\| libc6 \| .+ \| agent, operator \|$", debian, re.MULTILINE)
    assert (ROOT / "images/LICENCES.md").exists()


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"license_expression": "MIT", "license": "x"}, "MIT"),
        ({"license": "BSD 3-Clause"}, "BSD 3-Clause"),
        (
            {
                "license": "Permission is hereby granted\nto anybody",
                "classifier": ["Topic :: X", "License :: OSI Approved :: MIT License"],
            },
            "MIT License",
        ),
    ],
)
def test_the_licence_is_what_the_metadata_says_best(
    metadata: dict[str, object], expected: str
) -> None:
    assert licence(metadata) == expected


def test_a_package_that_names_none_is_an_error() -> None:
    with pytest.raises(ValueError, match="somepackage: its metadata names no licence"):
        licence({"name": "somepackage", "classifier": ["Topic :: X"]})


def test_a_package_of_two_images_has_one_row() -> None:
    report = {"install": [{"metadata": {"name": "A_b", "version": "1", "license": "MIT"}}]}
    parts = python_parts({"agent": report, "operator": report})
    assert "| a-b | 1 | MIT | agent, operator |\n" in page(parts, "")
    assert len(parts) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("License: GPL-2+\n text\n\nFiles: x\nLicense: MIT\n", "GPL-2+, MIT"),
        ("On Debian systems, see /usr/share/common-licenses/LGPL-2.1.", "LGPL-2.1"),
        ("Do what you like.", "see its copyright file"),
    ],
)
def test_licences_of_a_copyright_file(text: str, expected: str) -> None:
    assert copyright_licences(text) == expected
