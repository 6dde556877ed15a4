import asyncio

from osmia_agent.server.streams import StreamHub
from osmia_events.config import PipelineConfig, parse_pipeline, parse_redaction_filters
from osmia_events.model import Event, Process, ProcessExec
from osmia_events.protobuf_decoder import from_protobuf

SECRET = parse_redaction_filters('{"redact": ["(secret)"]}')


def events(first, count, arguments=""):
    return [
        Event(ProcessExec(Process(pid=pid, binary="/bin/x", arguments=arguments)))
        for pid in range(first, first + count)
    ]


def run(scenario, queue=100, redaction=()):
    async def main():
        hub = StreamHub(queue, redaction)
        hub.start(asyncio.get_running_loop())
        await scenario(hub)

    asyncio.run(main())


async def delivered(subscriber):
    found = []

    async def write(messages):
        found.extend(from_protobuf(each).body.process for each in messages)

    await subscriber.deliver(write)
    return found


def balance(count):
    return count.sent + count.filtered + count.lost + count.failed + count.queued


def test_nothing_is_kept_while_nobody_listens():
    async def scenario(hub):
        hub.accept(events(1, 50))
        subscriber = hub.subscribe(hub.pipeline(PipelineConfig()))
        hub.accept(events(100, 3))
        hub.close()
        assert [each.pid for each in await delivered(subscriber)] == [100, 101, 102]
        assert hub.statistics()[:3] == (1, 3, 3)

    run(scenario)


def test_the_oldest_make_room_and_every_event_is_counted():
    async def scenario(hub):
        config = parse_pipeline({"deny_list": [{"pid": [3, 195]}]})
        slow = hub.subscribe(hub.pipeline(config))
        for first in range(1, 200, 20):
            hub.accept(events(first, 20))
            for _ in range(3):
                await asyncio.sleep(0)
        count = hub.statistics()
        assert (count.read, count.queued, count.filtered) == (200, 100, 2)
        assert count.read == balance(count)
        hub.close()
        found = [each.pid for each in await delivered(slow)]
        assert found == [pid for pid in range(100, 201) if pid != 195]
        hub.unsubscribe(slow)
        count = hub.statistics()
        assert (count.subscribers, count.sent, count.lost, count.queued) == (0, 100, 98, 0)
        assert count.read == balance(count)

    run(scenario)


def test_what_comes_faster_than_it_can_be_looked_at_is_counted_as_lost():
    async def scenario(hub):
        subscriber = hub.subscribe(hub.pipeline(PipelineConfig()))
        for first in range(1, 200, 20):  # the server's thread gets no turn
            hub.accept(events(first, 20))
        hub.close()
        assert [each.pid for each in await delivered(subscriber)] == list(range(101, 201))
        count = hub.statistics()
        assert (count.read, count.sent, count.lost) == (200, 100, 100)

    run(scenario)


def test_redaction_changes_while_a_stream_is_open():
    async def scenario(hub):
        subscriber = hub.subscribe(hub.pipeline(PipelineConfig()))
        hub.accept(events(1, 1, "a secret"))
        hub.redact_with(SECRET)
        await asyncio.sleep(0.01)
        hub.accept(events(2, 1, "a secret"))
        hub.close()
        found = await delivered(subscriber)
        assert [each.arguments for each in found] == ["a secret", "a *****"]
        assert hub.redact_process(Process(arguments="secret")).arguments == "*****"
        assert hub.statistics().read == 2

    run(scenario)


def test_one_view_is_encoded_once():
    async def scenario(hub):
        subscribers = [hub.subscribe(hub.pipeline(PipelineConfig())) for _ in range(3)]
        hub.accept(events(1, 2))
        hub.close()
        sent = []
        for each in subscribers:
            mine = []

            async def write(messages, mine=mine):
                mine.extend(messages)

            await each.deliver(write)
            sent.append(mine)
        assert all(a is b is c for a, b, c in zip(*sent, strict=True))

    run(scenario, redaction=SECRET)
