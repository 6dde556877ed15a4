from __future__ import annotations

from osmia_agent.process.namespaces import NamespaceMessages
from osmia_events.model import Namespace
from tests.unit.agent.process.kernel_records import HOST


def test_host():
    message = NamespaceMessages(HOST).of(HOST)
    assert message.mnt == Namespace(4026531841, is_host=True)
    assert message.time_for_children == Namespace(4026531834, is_host=True)


def test_container():
    messages = NamespaceMessages(HOST)
    message = messages.of(HOST._replace(mnt=7, pid_for_children=9))
    assert message.mnt == Namespace(7, is_host=False)
    assert message.pid == Namespace(4026531836, is_host=True)
    assert message.pid_for_children == Namespace(9, is_host=False)


def test_each_name_has_its_own_value():
    numbers = HOST._replace(**{name: number for number, name in enumerate(HOST._fields, 1)})
    message = NamespaceMessages(HOST).of(numbers)
    assert [getattr(message, name).inum for name in HOST._fields] == list(range(1, 11))


def test_kernel_without_time_namespaces():
    message = NamespaceMessages(HOST).of(HOST._replace(time=0, time_for_children=0))
    assert (message.time, message.time_for_children) == (None, None)
    assert message.user is not None


def test_who_sees_the_files_and_users_of_the_host():
    messages = NamespaceMessages(HOST)
    assert messages.in_host(HOST._replace(net=5))
    assert not messages.in_host(HOST._replace(mnt=5))
    assert not messages.in_host(HOST._replace(user=5))
