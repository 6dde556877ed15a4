"""`helm` for people to type, where only its engine is there: install, upgrade, uninstall.

    python -m tests.chart.helm_command install osmia charts/osmia -n kube-system -f values.yaml

Prints the notes of the chart. The chart is the one of this checkout; KUBECONFIG says which cluster.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.chart.helm import Helm, HelmError


def notes(answer: str) -> str:
    """Return the notes in what Helm or its engine says; all of it where there are none."""
    try:
        found: Any = json.loads(answer)
    except ValueError:
        return answer.partition("NOTES:\n")[2] or answer
    texts = [found] if isinstance(found, dict) else []
    while texts:
        place = texts.pop()
        for key, value in place.items():
            if key == "notes" and value:
                return str(value)
            if isinstance(value, dict):
                texts.append(value)
    return answer


def main() -> int:
    """Run one action; return the exit status."""
    parser = argparse.ArgumentParser(prog="helm")
    parser.add_argument("action", choices=["install", "upgrade", "uninstall"])
    parser.add_argument("release")
    parser.add_argument("chart", nargs="?")
    parser.add_argument("-n", "--namespace", default="default")
    parser.add_argument("-f", "--values")
    given = parser.parse_args()
    options: dict[str, Any] = {"kubeconfig": os.environ["KUBECONFIG"]}
    if given.action != "uninstall":
        options |= {"values": {}, "timeout": "120s"}
    if given.values:
        options["values"] = yaml.safe_load(Path(given.values).read_text())
    with Helm(given.release, given.namespace) as helm:
        try:
            answer = helm.run(given.action, **options)
        except HelmError as error:
            print(f"Error: {error}", file=sys.stderr)
            return 1
    if given.action == "uninstall":
        print(f'release "{given.release}" uninstalled')
    else:
        print(notes(answer).strip())
    return 0


if __name__ == "__main__":
    sys.exit(main())
