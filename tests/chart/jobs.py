"""What kubelet and job controller would do with the chart's Jobs: run them, tell the end."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from tests.cluster.cluster import Cluster


class JobRunner:
    """Runs the operator's image's command for each Job of a namespace, as its ServiceAccount.

    There are no images here: the command is the one in this checkout.
    """

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self.ran: list[tuple[list[str], str]] = []
        """Arguments and output of each."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._stop.wait(0.2):
            for job in self._cluster.list("jobs", "-n", self._namespace):
                if not job.get("status", {}).get("conditions"):
                    self._run(job)

    def _run(self, job: dict[str, Any]) -> None:
        pod = job["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        account = f"sa:{self._namespace}:{pod['serviceAccountName']}"
        kubeconfig = self._cluster.kubeconfig_of(account)
        done = subprocess.run(
            [
                *(sys.executable, "-m", "osmia_operator.main"),
                *("--kubeconfig", str(kubeconfig), *container["args"]),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        self.ran.append((container["args"], done.stdout + done.stderr))
        how = "Failed" if done.returncode else "Complete"
        condition = f'{{"type":"{how}","status":"True"}}'
        counts = '"failed":1' if done.returncode else '"succeeded":1'
        self._cluster.kubectl(
            *("patch", "job", job["metadata"]["name"], "-n", self._namespace),
            *("--subresource=status", "--type=merge"),
            *("-p", f'{{"status":{{"conditions":[{condition}],{counts}}}}}'),
        )
