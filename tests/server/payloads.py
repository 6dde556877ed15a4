"""Requests that nobody in their right mind sends: random bytes, and messages gone wrong."""

import random

from google.protobuf.message_factory import GetMessageClass

TEXTS = (
    "",
    "x",
    "(",
    "^/usr/bin/[a-z]+$",
    "app=web,tier in (a)",
    "process_exec.process.pid == 1u",
    "process.pid",
    "..",
    "é\0\n",
    "9" * 40,
    "-1s",
    "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {name: x}\nspec: {}\n",
    "a: &a [*a, *a]\nb: !!python/object:os.system {}",
    "../../etc/passwd",
    "kubepods-pod5d3b5c5c_7f0e_4f4e_9a0e_1f1b6d1c2a3b.slice:cri-containerd:0a1b",
)
NUMBERS = (0, 1, 2, 5, 40_000, 2**31 - 1)
_MAX_DEPTH = 4


def payloads(request_class, count, seed):
    """Yield `count` payloads: a third random, a third valid, a third with some bytes changed."""
    choice = random.Random(seed)
    for number in range(count):
        if number % 3 == 0:
            yield choice.randbytes(choice.randrange(60))
            continue
        data = bytearray(random_message(choice, request_class).SerializeToString())
        if number % 3 == 1:
            _damage(choice, data)
        yield bytes(data)


def random_message(choice, message_class, depth=0):
    """Return a message with some of its fields set, of values that clients may well send."""
    message = message_class()
    for field in message.DESCRIPTOR.fields:
        if choice.random() < 0.5 or depth == _MAX_DEPTH:
            continue
        if field.message_type is None:
            if field.is_repeated:
                values = [_scalar(choice, field) for _ in range(choice.randrange(1, 4))]
                getattr(message, field.name).extend(values)
            else:
                setattr(message, field.name, _scalar(choice, field))
        elif field.message_type.GetOptions().map_entry:
            value = field.message_type.fields_by_name["value"]
            getattr(message, field.name)[choice.choice(TEXTS)] = _scalar(choice, value)
        else:
            made = random_message(choice, GetMessageClass(field.message_type), depth + 1)
            part = getattr(message, field.name)
            (part.add() if field.is_repeated else part).CopyFrom(made)
    return message


def _scalar(choice, field):
    if field.type == field.TYPE_STRING:
        return choice.choice(TEXTS)
    if field.type == field.TYPE_BYTES:
        return choice.randbytes(5)
    if field.type == field.TYPE_BOOL:
        return choice.random() < 0.5
    return choice.choice(NUMBERS)


def _damage(choice, data):
    for _ in range(choice.randrange(1, 5)):
        place = choice.randrange(len(data) + 1)
        if choice.random() < 0.5 or place == len(data):
            data.insert(place, choice.randrange(256))
        elif choice.random() < 0.5:
            data[place] = choice.randrange(256)
        else:
            del data[place]
