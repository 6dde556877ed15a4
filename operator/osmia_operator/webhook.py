"""The validating webhook: an HTTPS server, and what keeps the API server pointed at it."""

from __future__ import annotations

import asyncio
import logging
import ssl
import tempfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from osmia_api.kube.backoff import Backoff
from osmia_api.kube.client import ApiError
from osmia_api.kube.resource_type import WEBHOOK_CONFIGURATIONS
from osmia_operator.admission import (
    CONFIGURATION_NAME,
    BadReviewError,
    answer,
    build_configuration,
    is_in_place,
)
from osmia_operator.certificates import CertificateError, Certificates, ensure_certificates
from osmia_operator.settings import WEBHOOK_PATH

if TYPE_CHECKING:
    from osmia_api.kube.client import KubeClient
    from osmia_operator.settings import WebhookSettings

_log = logging.getLogger(__name__)

LOOK_EVERY_S = 60.0
_MAX_REQUEST_BYTES = 8 << 20  # an AdmissionReview holds an object twice
_MANAGER = "osmia-operator"


class Webhook:
    """Serves from `run` on, until that is cancelled."""

    def __init__(self, client: KubeClient, namespace: str, settings: WebhookSettings) -> None:
        self._client = client
        self._namespace = namespace
        self._settings = settings
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._loaded: Certificates | None = None

    async def run(self) -> None:
        """Keep certificates and configuration as they should be. Raises OSError."""
        backoff = Backoff()
        runner = web.AppRunner(make_app(), access_log=None)
        try:
            while True:
                wait_s = LOOK_EVERY_S
                try:
                    await asyncio.to_thread(self._look)
                    backoff.succeeded()
                except (ApiError, CertificateError, ValueError) as error:
                    asked_s = error.retry_after_s if isinstance(error, ApiError) else None
                    wait_s = backoff.after_failure(asked_s)
                    _log.warning("webhook: %s; again in %.1f s", error, wait_s)
                if self._loaded is not None and runner.server is None:
                    await self._serve(runner)
                await asyncio.sleep(wait_s)
        finally:
            await runner.cleanup()

    async def _serve(self, runner: web.AppRunner) -> None:
        host, port = self._settings.address
        await runner.setup()
        await web.TCPSite(runner, host, port, ssl_context=self._context).start()
        _log.info("webhook: answering on port %d", port)

    def _look(self) -> None:
        certificates = ensure_certificates(
            self._client,
            self._namespace,
            self._settings.secret,
            self._settings.host(self._namespace),
            datetime.now(UTC),
        )
        if certificates != self._loaded:
            load(self._context, certificates)
            self._loaded = certificates
        wanted = build_configuration(self._settings.client_config(self._namespace), certificates.ca)
        try:
            existing = self._client.get(WEBHOOK_CONFIGURATIONS, CONFIGURATION_NAME)
        except ApiError as error:
            if not error.is_not_found:
                raise
            existing = None
        if not is_in_place(existing, wanted):
            self._client.apply(WEBHOOK_CONFIGURATIONS, wanted, _MANAGER)


def load(context: ssl.SSLContext, certificates: Certificates) -> None:
    """Let new connections be served with these. Raises CertificateError."""
    # The ssl module takes certificates from a file only.
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        file.write(certificates.certificate + b"\n" + certificates.key)
        file.flush()
        try:
            context.load_cert_chain(file.name)
        except (ssl.SSLError, OSError) as error:
            raise CertificateError(f"tls.crt and tls.key do not fit: {error}") from None


def make_app() -> web.Application:
    """Make the web application."""

    async def review(request: web.Request) -> web.Response:
        try:
            asked: Any = msgspec.json.decode(await request.read())
            # Compiling a policy takes a while.
            answered = await asyncio.to_thread(answer, asked)
        except (msgspec.DecodeError, BadReviewError) as error:
            return web.Response(status=400, text=f"{error}\n")
        return web.Response(body=msgspec.json.encode(answered), content_type="application/json")

    app = web.Application(client_max_size=_MAX_REQUEST_BYTES)
    app.router.add_post(WEBHOOK_PATH, review)
    return app
