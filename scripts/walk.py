#!/usr/bin/env python3
"""Walk through the documentation's quick start in a cluster, and write what it really prints.

Install, events, a policy, a filter that changes live, metrics, upgrade, uninstall: each command of
the blocks in docs/quick-start-cluster.md that follow a line `<!-- walk: NAME -->`, on the API
server of the tests, with the chart as Helm renders it, the programs of this checkout as its
containers, and a pod of runc's. Needs root, and works in mount and network namespaces of its own.

`--check` writes nothing and says where the page differs; times and the like count for nothing.
"""

from __future__ import annotations

import difflib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/quick-start-cluster.md"
# Its commands are those that are gone through; the other shows some of them again.
PAGES = (PAGE, ROOT / "README.md")
NAMESPACE = "kube-system"
_BLOCK = re.compile(r"(<!-- walk: (\w+) -->\n\n)((?:(?:    .*)?\n)+?)(?=\n*(?:\S|\Z))")
# What is another each time.
_MOVING = (
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z"), "TIME"),
    (re.compile(r'"(exec_id|parent_exec_id|docker|uid)":\s*"[^"]*"'), r'"\1":"ID"'),
    (re.compile(r'"(pid|tid)":\s*\d+'), r'"\1":1'),
    (re.compile(r"(?<=\s)\d+(?:m\d+)?s$", re.MULTILINE), "AGE"),
    (re.compile(r"(?<= )\d+\.0$", re.MULTILINE), "N"),
    (re.compile(r"osmia-walk-\w+"), "FOLDER"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "CONTAINER"),
    (re.compile(r" +"), " "),
)


def blocks(page: str) -> dict[str, str]:
    """Return the blocks of a page that the walk writes, by name."""
    return {match[2]: match[3] for match in _BLOCK.finditer(page)}


def replaced(page: str, written: dict[str, str]) -> str:
    """Return the page with these blocks."""
    return _BLOCK.sub(lambda match: match[1] + written.get(match[2], match[3]), page)


def comparable(block: str) -> list[str]:
    """Return the lines of a block without what is another each time."""
    for pattern, instead in _MOVING:
        block = pattern.sub(instead, block)
    return block.strip().splitlines()


def commands(block: str) -> list[str]:
    """Return the commands of a block: lines that begin with `$ `, and what continues them."""
    lines = [line[4:] for line in block.splitlines()]
    found: list[str] = []
    for line in lines:
        if line.startswith("$ "):
            found.append(line[2:])
        elif found and found[-1].endswith("\\"):
            found[-1] += "\n" + line
    return found


def main() -> int:
    """Walk, and write the pages or compare them; the exit status is 1 where one differs."""
    if os.environ.get("OSMIA_WALK") != "inside":
        command = ["unshare", "--mount", "--net", sys.executable, __file__, *sys.argv[1:]]
        inside = os.environ | {"OSMIA_WALK": "inside"}
        return subprocess.run(command, env=inside, check=False).returncode  # noqa: S603 - ourselves
    with tempfile.TemporaryDirectory(prefix="osmia-walk-") as folder:
        written = _walk(Path(folder), blocks(PAGE.read_text()))
    differs = False
    for path in PAGES:
        page = path.read_text()
        if "--check" not in sys.argv:
            path.write_text(replaced(page, written))
            continue
        for name, block in blocks(page).items():
            old, new = comparable(block), comparable(written[name])
            for line in difflib.unified_diff(old, new, f"{path.name}: {name}", "now", lineterm=""):
                differs = True
                print(line)  # noqa: T201 - a command's answer
    return int(differs)


def _walk(folder: Path, old: dict[str, str]) -> dict[str, str]:
    # Names of the tests' rooms are found from the root.
    sys.path.insert(0, str(ROOT))
    from osmia_api.kube.client import KubeClient  # noqa: PLC0415 - after the path is set
    from osmia_api.kube.connection import find_connection  # noqa: PLC0415 - as above
    from tests.chart.jobs import JobRunner  # noqa: PLC0415 - as above
    from tests.chart.kubelet import NODE, Kubelet  # noqa: PLC0415 - as above
    from tests.cluster.api_server import ApiServer, build  # noqa: PLC0415 - as above
    from tests.cluster.cluster import Cluster  # noqa: PLC0415 - as above
    from tests.containers.node import Node  # noqa: PLC0415 - as above
    from tests.containers.runtime import PodSpec, root_filesystem  # noqa: PLC0415 - as above

    _own_place(folder)
    server = ApiServer(build(), "--authorization-mode", "RBAC")
    client = KubeClient(find_connection(str(server.kubeconfig)), "walk")
    (folder / "root").mkdir()
    root = root_filesystem(folder / "root")
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n")
    cluster = Cluster(server.kubeconfig, folder)
    with (
        Node(client, folder, root, NODE) as node,
        Kubelet(cluster, node, NAMESPACE, folder) as kubelet,
        JobRunner(cluster, NAMESPACE),
    ):
        node.add_namespace(NAMESPACE)
        node.add_node()
        pod = node.add(PodSpec("xwing", labels={"class": "xwing"}))
        ship = node.container(pod, "/bin/sleep", "3600")
        ship.run()
        node.tell(pod, "main", ship)
        environment = _commands(folder, server.kubeconfig, ship.runc)

        def done(command: str) -> None:
            if command.startswith("helm install"):
                kubelet.run(cluster.existing("deployment", "osmia-operator", NAMESPACE))
                kubelet.run(cluster.existing("daemonset", "osmia", NAMESPACE))
            elif command.startswith("helm uninstall"):
                kubelet.stop()

        return {name: _told(text, folder, environment, done) for name, text in old.items()}


def _told(
    block: str, folder: Path, environment: dict[str, str], done: Callable[[str], None]
) -> str:
    """Run the commands of a block one after the other; return them with what they print."""
    told = ""
    for command in commands(block):
        ran = subprocess.run(  # noqa: S603 - the page's own commands
            ["/bin/bash", "-c", command],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=180,
            check=False,
        )
        if ran.returncode:
            logs = "".join(
                f"--- {path.name}\n{path.read_text()[-3000:]}" for path in folder.glob("*.log")
            )
            raise SystemExit(f"$ {command}\n{ran.stdout}: exit status {ran.returncode}\n{logs}")
        done(command)
        if command.startswith("kubectl exec"):
            # What the kernel has told is in the file a moment later.
            time.sleep(3)
        told += f"$ {command}\n{ran.stdout}"
    return "".join(f"    {line}".rstrip() + "\n" for line in told.splitlines())


def _commands(folder: Path, kubeconfig: Path, runc: list[str]) -> dict[str, str]:
    """Return an environment where helm and kubectl do what they do where there is a kubelet."""
    bin_ = folder / "bin"
    bin_.mkdir()
    log = "/var/run/cilium/tetragon/tetragon.log"
    real = shutil.which("kubectl")
    # `exec` and `logs` go to the kubelet, which has runc do the one, and gives what the container
    # export-stdout printed for the other: what `tail` does there with the file.
    (bin_ / "kubectl").write_text(
        f"""#!/bin/bash
case $1 in
exec) shift 3; exec {shlex.join(runc)} "$@" </dev/null ;;
logs) tail=${{@: -1}}; exec tail --lines="${{tail#--tail=}}" {log} ;;
*) exec {real} "$@" ;;
esac
"""
    )
    (bin_ / "helm").write_text(
        f"""#!/bin/bash
# Without itself on the path, for a helm that is installed.
PATH=${{PATH#*:}} PYTHONPATH={ROOT} exec {sys.executable} -m tests.chart.helm_command "$@"
"""
    )
    for path in bin_.iterdir():
        path.chmod(0o755)
    (folder / "charts").symlink_to(ROOT / "charts")
    for name, text in files(PAGE.read_text()).items():
        (folder / name).write_text(text)
    path = f"{bin_}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    return os.environ | {"PATH": path, "KUBECONFIG": str(kubeconfig)}


def files(page: str) -> dict[str, str]:
    """Return the files that a page shows: blocks after a line that ends in a name and a colon."""
    found = re.findall(r"`([\w.-]+\.yaml)`:\n\n((?:(?:    .*)?\n)+)", page)
    return {name: textwrap.dedent(text).strip() + "\n" for name, text in found}


def _own_place(folder: Path) -> None:
    """Let what the chart names on a node be this walk's alone."""
    subprocess.run(["/usr/sbin/ip", "link", "set", "lo", "up"], check=True)
    for path in ("/var/run/cilium/tetragon", "/var/lib/osmia", "/var/run/tetragon"):
        mine = folder / path.lstrip("/")
        mine.mkdir(parents=True)
        Path(path).mkdir(parents=True, exist_ok=True)
        subprocess.run(["/usr/bin/mount", "--bind", mine, path], check=True)  # noqa: S603 - ours


if __name__ == "__main__":
    sys.exit(main())
