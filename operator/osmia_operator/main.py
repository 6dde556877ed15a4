"""`osmia-operator`: options and wiring."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import sys
import time
import uuid
from typing import TYPE_CHECKING

import click

from osmia_api.kube.backoff import Backoff
from osmia_api.kube.client import ApiError, KubeClient
from osmia_api.kube.connection import Connection, ConnectionConfigError, find_connection
from osmia_api.kube.resource_type import SOURCE_TYPES
from osmia_operator.agent_leases import follow_lapses
from osmia_operator.controller import WORKERS, Controller
from osmia_operator.definitions import apply_definitions, printed_definitions
from osmia_operator.discovery import discover
from osmia_operator.endpoints import Health, make_app, serve
from osmia_operator.event_recorder import EventRecorder
from osmia_operator.leadership import Leadership
from osmia_operator.metrics import OperatorMetrics
from osmia_operator.observers import make_watches
from osmia_operator.settings import OperatorSettings, WebhookSettings, parse_address
from osmia_operator.sources import follow_sources
from osmia_operator.webhook import Webhook

if TYPE_CHECKING:
    from collections.abc import Sequence

    from osmia_api.kube.watch import Watch

logger = logging.getLogger("osmia_operator")


@click.group(invoke_without_command=True, context_settings={"auto_envvar_prefix": "OSMIA_OPERATOR"})
@click.option("--namespace", default="", help="Namespace of the operator and its agents.")
@click.option("--kubeconfig", default="", help="File with server and credentials.")
@click.option(
    "--metrics-server", default="", help="Address of /metrics, /healthz, /readyz; empty is none."
)
@click.option(
    "--agent-selector",
    default="app.kubernetes.io/component=agent,app.kubernetes.io/part-of=osmia",
    show_default=True,
    help="Labels of the Pods that run agents.",
)
@click.option(
    "--resync-interval",
    type=click.FloatRange(min=1),
    default=300.0,
    show_default=True,
    help="Seconds between two looks at everything.",
)
@click.option("--webhook", is_flag=True, help="Check objects while they are written, too.")
@click.option(
    "--webhook-address", default=":9443", show_default=True, help="Address of the webhook."
)
@click.option(
    "--webhook-service",
    default="osmia-operator-webhook",
    show_default=True,
    help="Service, port 443, that leads to the webhook.",
)
@click.option(
    "--webhook-url", default="", help="URL of the webhook instead, for an operator outside Pods."
)
@click.option(
    "--webhook-secret",
    default="osmia-operator-webhook",
    show_default=True,
    help="Secret with tls.crt, tls.key and ca.crt; self-made if there is none.",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
    help="What is worth a log line.",
)
@click.version_option(package_name="osmia", message="%(prog)s %(version)s")
@click.pass_context
def cli(
    context: click.Context,
    namespace: str,
    kubeconfig: str,
    metrics_server: str,
    agent_selector: str,
    resync_interval: float,
    webhook: bool,
    webhook_address: str,
    webhook_service: str,
    webhook_url: str,
    webhook_secret: str,
    log_level: str,
) -> None:
    """Bring policies and export pipelines to every node, and report how far they have come."""
    if context.invoked_subcommand is not None:
        return
    logging.basicConfig(
        level=log_level.upper(),
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    # What goes wrong there ends its watches, which `sources` notices, tells and mends.
    logging.getLogger("kopf").setLevel(logging.CRITICAL)
    try:
        connection = find_connection(kubeconfig)
        place = parse_address(webhook_address, "--webhook-address")
        if webhook and place is None:
            raise ValueError("--webhook-address: needed for --webhook")
        settings = OperatorSettings(
            namespace=namespace or connection.namespace,
            metrics_address=parse_address(metrics_server),
            agent_selector=agent_selector,
            resync_interval_s=resync_interval,
            webhook=WebhookSettings(place, webhook_service, webhook_url, webhook_secret)
            if webhook and place
            else None,
        )
        client = KubeClient(connection, "osmia-operator")
    except (ConnectionConfigError, ValueError) as error:
        raise click.ClickException(str(error)) from None
    try:
        asyncio.run(_run(settings, connection, client))
    except OSError as error:
        raise click.ClickException(str(error)) from None
    except ExceptionGroup as group:
        first = group.exceptions[0]
        if isinstance(first, OSError):  # an address that is taken
            raise click.ClickException(str(first)) from None
        raise


@cli.command("crds")
@click.option("--apply", is_flag=True, help="Bring them into the cluster instead.")
@click.pass_context
def crds(context: click.Context, apply: bool) -> None:
    """Print the custom resource definitions as YAML."""
    if not apply:
        click.echo(printed_definitions(), nl=False)
        return
    try:
        connection = find_connection(context.find_root().params["kubeconfig"])
        client = KubeClient(connection, "osmia-operator")
        with contextlib.closing(client):
            for name in apply_definitions(client):
                click.echo(f"{name} applied")
    except (ConnectionConfigError, ApiError, ValueError) as error:
        raise click.ClickException(str(error)) from None


def main() -> None:
    """Run the command line."""
    cli(prog_name="osmia-operator")


async def _run(settings: OperatorSettings, connection: Connection, client: KubeClient) -> None:
    """Operate until a signal comes."""
    operating = asyncio.create_task(_operate(settings, connection, client))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, operating.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await operating
    client.close()


async def _operate(settings: OperatorSettings, connection: Connection, client: KubeClient) -> None:
    metrics = OperatorMetrics()
    without_status = await _wait_for_definitions(client)
    loop = asyncio.get_running_loop()
    identity = f"{socket.gethostname()}_{uuid.uuid4()}"

    def leading(leads: bool) -> None:
        if leads:
            controller.enqueue_all()

    async def recover() -> None:
        await _wait_for_definitions(client)
        await _list_sources(client, controller)

    leadership = Leadership(client, settings.namespace, identity, leading)
    recorder = EventRecorder(client, identity, metrics)
    controller = Controller(
        client,
        settings.namespace,
        metrics,
        lambda: leadership.leads,
        without_status,
        recorder.record,
    )
    watches = make_watches(client, controller, loop, settings.namespace, settings.agent_selector)
    health = Health(watches, controller.queue, time.monotonic)
    metrics.set_gauges(
        lambda: {
            "leads": ("Whether this process writes", float(leadership.leads)),
            "queue_depth": ("Objects that wait to be looked at", float(controller.queue.depth)),
            "watch_silence_seconds": (
                "Longest time since a watch has heard of the API server",
                max(time.monotonic() - watch.last_activity_s for watch in watches),
            ),
        }
    )
    async with contextlib.AsyncExitStack() as stack:
        if settings.metrics_address is not None:
            runner = await serve(make_app(health, metrics), *settings.metrics_address)
            stack.push_async_callback(runner.cleanup)
        stack.callback(_stop, watches)
        for watch in watches:
            watch.start()
        await _list_sources(client, controller)
        await _until_synced(health)
        stack.callback(leadership.release)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(leadership.run())
            tasks.create_task(recorder.run())
            if settings.webhook is not None:
                webhook = Webhook(client, settings.namespace, settings.webhook)
                tasks.create_task(webhook.run())
            tasks.create_task(_resync(client, controller, settings.resync_interval_s))
            tasks.create_task(follow_lapses(client, settings.namespace, controller))
            tasks.create_task(follow_sources(connection, controller, recover))
            for _ in range(WORKERS):
                tasks.create_task(controller.work())


def _stop(watches: Sequence[Watch]) -> None:
    for watch in watches:
        watch.stop(timeout_s=0)
    for watch in watches:
        watch.stop(timeout_s=1)


async def _wait_for_definitions(client: KubeClient) -> tuple[str, ...]:
    """Wait until the custom resources are served; return the kinds that can have no status."""
    backoff = Backoff(most_s=10.0)
    told = ""
    while True:
        try:
            served = await asyncio.to_thread(discover, client)
            trouble = ""
            if served.missing:
                names = ", ".join(served.missing)
                trouble = f"not installed: {names} (see `osmia-operator crds`)"
        except (ApiError, ConnectionConfigError) as error:
            trouble = str(error)
        if not trouble:
            break
        if trouble != told:
            logger.warning("waiting: %s", trouble)
            told = trouble
        await asyncio.sleep(backoff.after_failure())
    for kind in served.without_status:
        logger.error(
            "%s: its definition, which something else has installed, has no status subresource;"
            " its objects are brought to the nodes, but cannot show their state. Apply the"
            " definition that `osmia-operator crds` prints.",
            kind,
        )
    return served.without_status


async def _list_sources(client: KubeClient, controller: Controller) -> None:
    """Read all sources, retrying until it works."""
    backoff = Backoff()
    for kind in SOURCE_TYPES.values():
        while True:
            try:
                objects = await asyncio.to_thread(client.list_all, kind)
            except (ApiError, ConnectionConfigError) as error:
                logger.warning("%s: %s", kind.plural, error)
                asked_s = error.retry_after_s if isinstance(error, ApiError) else None
                await asyncio.sleep(backoff.after_failure(asked_s))
            else:
                controller.sources_listed(kind.kind, objects)
                break


async def _until_synced(health: Health) -> None:
    for watch in health.watches:
        while not await asyncio.to_thread(watch.synced.wait, 1.0):
            pass
    # What the watches have handed over to the loop is worked off before anything is decided.
    await asyncio.sleep(0)


async def _resync(client: KubeClient, controller: Controller, interval_s: float) -> None:
    """Look at everything once in a while, whatever the watches have said."""
    while True:
        await asyncio.sleep(interval_s)
        await _list_sources(client, controller)
        controller.enqueue_all()


if __name__ == "__main__":
    main()
