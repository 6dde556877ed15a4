"""The webhook's server; what it answers is tested with `admission`."""

from __future__ import annotations

import asyncio

from aiohttp.test_utils import TestClient, TestServer

from osmia_operator.settings import WEBHOOK_PATH
from osmia_operator.webhook import make_app

from .objects import policy


def test_answers() -> None:
    async def run() -> None:
        async with TestClient(TestServer(make_app())) as client:
            review = {"request": {"uid": "1", "object": policy("web")}}
            answered = await client.post(WEBHOOK_PATH, json=review)
            assert answered.status == 200
            assert (await answered.json())["response"] == {"uid": "1", "allowed": True}
            for nonsense in (b"", b"{", b"[]"):
                assert (await client.post(WEBHOOK_PATH, data=nonsense)).status == 400

    asyncio.run(run())
