#!/usr/bin/env python3
"""Write images/LICENCES.md: what the images are made of, and the licence of each part.

Python packages: what the lock files name, by the metadata of those very files. Debian packages:
what is in the images that `images/build` has made, by their copyright files; where there are no
images, what the page says of them stays.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "images/LICENCES.md"
IMAGES = ("agent", "operator")
WORK = ROOT / "build/images"
_HEAD = """\
# Licences of what the images hold

Osmia itself is under the [Apache License 2.0](../LICENSE). Written by `make licences`; tests
compare this page with the lock files and with the images. The texts are in the images: of Python
packages in `/opt/osmia/lib/python3.11/site-packages/*.dist-info`, of Debian's in
`/usr/share/doc/*/copyright`. The bill of materials is `/opt/osmia/share/osmia/sbom.cdx.json`.

"""
_PYTHON = "## Python packages\n\n| package | version | licence | images |\n|---|---|---|---|\n"
_DEBIAN = "## Debian packages\n\n| package | licences of its parts | images |\n|---|---|---|\n"


class Part(NamedTuple):
    """One package: its name, version (empty: whichever Debian has), licence and images."""

    name: str
    version: str
    licence: str
    images: tuple[str, ...]

    def row(self) -> str:
        """Return its row of the page."""
        cells = [self.name, self.version, self.licence, ", ".join(self.images)]
        return "| " + " | ".join(cell for cell in cells if cell) + " |\n"


def python_parts(reports: dict[str, Any]) -> list[Part]:
    """Return the packages of pip's reports, one of each image, in the order of their names."""
    found: dict[str, Part] = {}
    for image, report in reports.items():
        for installed in report["install"]:
            data = installed["metadata"]
            name = re.sub(r"[-_.]+", "-", data["name"]).lower()
            images = (*found[name].images, image) if name in found else (image,)
            found[name] = Part(name, data["version"], licence(data), images)
    return [found[name] for name in sorted(found)]


def licence(metadata: dict[str, Any]) -> str:
    """Return the licence that a package's metadata names: an expression, a word, or its class.

    Raises ValueError if it names none.
    """
    text = str(metadata.get("license_expression") or metadata.get("license") or "").strip()
    if text and "\n" not in text:
        return text
    classes = [each for each in metadata.get("classifier", ()) if each.startswith("License ::")]
    if not classes:
        raise ValueError(f"{metadata['name']}: its metadata names no licence")
    return ", ".join(each.rpartition(" :: ")[2] for each in classes)


def debian_parts(roots: dict[str, Path]) -> list[Part]:
    """Return the Debian packages of root file systems, one of each image, by their names."""
    found: dict[str, Part] = {}
    for image, root in roots.items():
        status = (root / "var/lib/dpkg/status").read_text()
        for name in sorted(re.findall(r"^Package: (.+)$", status, re.MULTILINE)):
            images = (*found[name].images, image) if name in found else (image,)
            path = root / "usr/share/doc" / name / "copyright"
            found[name] = Part(
                name, "", copyright_licences(path.read_text("utf-8", "replace")), images
            )
    return [found[name] for name in sorted(found)]


def copyright_licences(text: str) -> str:
    """Return the licences that a Debian copyright file names: by field, else by common text."""
    names = set(re.findall(r"^License: *(\S.*?) *$", text, re.MULTILINE))
    # An older form, in words: it names what it does not quote.
    names = names or set(re.findall(r"/usr/share/common-licenses/([\w.+-]*\w)", text))
    return ", ".join(sorted(names)).replace("|", "/") or "see its copyright file"


def page(python: list[Part], debian: str) -> str:
    """Return the page; `debian` is its part on Debian packages."""
    return _HEAD + _PYTHON + "".join(part.row() for part in python) + "\n" + debian


def debian_section(parts: list[Part]) -> str:
    """Return the part of the page on Debian packages."""
    return _DEBIAN + "".join(part.row() for part in parts)


def _report(image: str) -> Any:
    """Ask pip for the metadata of what an image's lock file names; nothing is installed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "report.json")
        # Older versions of pip do not report the field License-Expression.
        pip = Path(folder, "venv/bin/pip")
        commands = [
            [sys.executable, "-m", "venv", str(pip.parents[1])],
            [str(pip.parent / "python"), "-m", "pip", "install", "--quiet", "pip>=25"],
            [
                *(str(pip), "install", "--quiet", "--dry-run", "--no-deps", "--ignore-installed"),
                *("--require-hashes", "--report", str(path)),
                *("--requirement", str(ROOT / f"images/{image}.lock")),
            ],
        ]
        for command in commands:
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 ours
        return json.loads(path.read_text())


def mounted(image: str) -> Path:
    """Mount an image that has been built, for reading; return its root."""
    version = re.search(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version
    storage = ("--storage-driver", "vfs", "--root", str(WORK / "storage"))
    buildah = ("/usr/bin/buildah", *storage, "--runroot", str(WORK / "run"))
    reference = f"localhost/osmia-{image}:{version[1]}"

    def run(*words: str) -> str:
        done = subprocess.run([*buildah, *words], check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603 ours
        return done.stdout.strip()

    return Path(run("mount", run("from", "--pull=never", reference)))


def main() -> int:
    """Write the page."""
    old = PAGE.read_text() if PAGE.exists() else ""
    debian = old[old.index("## Debian packages") :] if "## Debian packages" in old else _DEBIAN
    if (WORK / "storage").exists() and os.geteuid() == 0:
        debian = debian_section(debian_parts({image: mounted(image) for image in IMAGES}))
    PAGE.write_text(page(python_parts({image: _report(image) for image in IMAGES}), debian))
    return 0


if __name__ == "__main__":
    sys.exit(main())
