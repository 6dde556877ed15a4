"""Agents of many nodes in one process, with nothing behind them, speaking the agents' protocol.

Each watches all bundles on a connection of its own, acknowledges what it has been told in its own
TracingNode, at most once a second, and renews its Lease. Prints a line of JSON whenever all nodes
have acknowledged all bundles there are: how many, when the last acknowledgement was written, and
how many writes and bytes the reports have taken so far.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import re
import ssl
import time
from datetime import UTC, datetime
from typing import Any

import aiohttp
import yaml

from osmia_agent.kube.agent_lease import build_lease
from osmia_agent.kube.bundle_set import EMPTY
from osmia_agent.kube.node_report import AgentIdentity, build_report, build_tracing_node
from osmia_agent.kube.outcome import Outcome, State
from osmia_api.bundle import LABEL
from osmia_api.kube.resource_type import CONFIG_MAPS, LEASES, TRACING_NODES

_ID = re.compile(rb'"name":"osmia-bundle-([0-9a-f]{20})"')
_DIGEST = re.compile(rb'"osmia.dev/sha256":"([0-9a-f]{8})')
_LEASE_EVERY_S = 10.0
_APPLY = {"fieldManager": "osmia-agent", "force": "true"}
_HEADERS = {"Content-Type": "application/apply-patch+yaml"}


class Nodes:
    """All nodes, and what they have acknowledged."""

    def __init__(self, session: aiohttp.ClientSession, server: str, namespace: str) -> None:
        self.session = session
        self.server = server
        self.namespace = namespace
        self.known: list[dict[str, str]] = []
        self.acknowledged: list[dict[str, str]] = []
        self.writes = 0
        self.written_bytes = 0
        self.last_s = 0.0
        self._told: dict[str, str] | None = None

    async def run(self, count: int) -> None:
        """Be that many nodes, for ever."""
        async with asyncio.TaskGroup() as tasks:
            for number in range(count):
                self.known.append({})
                self.acknowledged.append({})
                tasks.create_task(self._node(number))
                if number % 20 == 19:
                    await asyncio.sleep(0.5)
            tasks.create_task(self._tell())

    async def _node(self, number: int) -> None:
        name = f"bench-{number:04}"
        await self._apply(TRACING_NODES.path("", name), build_tracing_node(name, ""))
        changed = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch(number, changed))
            tasks.create_task(self._report(number, name, changed))
            tasks.create_task(self._renew(name))

    async def _watch(self, number: int, changed: asyncio.Event) -> None:
        url = self.server + CONFIG_MAPS.path(self.namespace)
        query = {"labelSelector": LABEL, "watch": "true", "allowWatchBookmarks": "true"}
        while True:
            # An API server ends watches that it cannot serve fast enough, which agents survive.
            with contextlib.suppress(aiohttp.ClientError):
                await self._follow(url, query, self.known[number], changed)
            await asyncio.sleep(1.0)

    async def _follow(
        self, url: str, query: dict[str, str], known: dict[str, str], changed: asyncio.Event
    ) -> None:
        async with self.session.get(url, params=query) as response:
            response.raise_for_status()
            async for line in response.content:
                name, digest = _ID.search(line), _DIGEST.search(line)
                if name is None or digest is None:
                    continue  # a bookmark
                if line.startswith(b'{"type":"DELETED"'):
                    known.pop(name[1].decode(), None)
                else:
                    known[name[1].decode()] = digest[1].decode()
                changed.set()

    async def _report(self, number: int, name: str, changed: asyncio.Event) -> None:
        identity = AgentIdentity(name, "boot", "", "bench", "0")
        while True:
            await changed.wait()
            changed.clear()
            seen = dict(self.known[number])
            outcomes = {each: Outcome(digest, State.LOADED) for each, digest in seen.items()}
            manifest = {
                **build_tracing_node(name, ""),
                "status": build_report(identity, EMPTY, outcomes),
            }
            size = await self._apply(TRACING_NODES.path("", name, "status"), manifest)
            self.written_bytes += size
            self.writes += 1
            self.acknowledged[number] = seen
            self.last_s = time.time()
            await asyncio.sleep(1.0)

    async def _renew(self, name: str) -> None:
        while True:
            lease = build_lease(name, self.namespace, datetime.now(UTC))
            await self._apply(LEASES.path(self.namespace, lease["metadata"]["name"]), lease)
            await asyncio.sleep(_LEASE_EVERY_S)

    async def _apply(self, path: str, manifest: dict[str, Any]) -> int:
        body = json.dumps(manifest, separators=(",", ":")).encode()
        while True:
            try:
                async with self.session.patch(
                    self.server + path, params=_APPLY, headers=_HEADERS, data=body
                ) as response:
                    response.raise_for_status()
                    await response.read()
                    break
            except aiohttp.ClientError:
                await asyncio.sleep(1.0)
        return len(body)

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(0.2)
            first = self.acknowledged[0]
            if first == self._told or any(each != first for each in self.acknowledged):
                continue
            if any(each != first for each in self.known):
                continue
            self._told = dict(first)
            found = {
                "bundles": len(first),
                "last_s": self.last_s,
                "writes": self.writes,
                "bytes": self.written_bytes,
            }
            print(json.dumps(found), flush=True)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kubeconfig", required=True)
    parser.add_argument("--namespace", required=True)
    parser.add_argument("--nodes", type=int, required=True)
    options = parser.parse_args()
    with open(options.kubeconfig) as file:  # noqa: PTH123, ASYNC230 - once, before anything runs
        content = yaml.safe_load(file)
    server = content["clusters"][0]["cluster"]["server"]
    token = content["users"][0]["user"]["token"]
    # The bench's own server: whose certificate it is makes no difference.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    connector = aiohttp.TCPConnector(limit=0, ssl=context)
    async with aiohttp.ClientSession(
        connector=connector,
        headers={"Authorization": f"Bearer {token}"},
        timeout=aiohttp.ClientTimeout(total=None),
        read_bufsize=1 << 18,
    ) as session:
        await Nodes(session, server, options.namespace).run(options.nodes)


if __name__ == "__main__":
    asyncio.run(main())
