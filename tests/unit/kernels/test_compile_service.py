import random
import socket
import tarfile
import threading

import pytest

from tests.kernels.compile_service import CompileService, Request, Requests, answer


def pieces(nonce, content, size):
    for at in range(0, len(content), size):
        piece = content[at : at + size]
        numbers = (len(content), at, len(piece))
        yield nonce + b"J" + b"".join(n.to_bytes(4, "little") for n in numbers) + piece


@pytest.mark.parametrize("seed", range(5))
def test_requests_are_put_together_however_they_are_cut(seed):
    chance = random.Random(seed)
    wanted = [Request(chance.randbytes(16), b"J", chance.randbytes(n)) for n in (1, 40, 999)]
    stream = b"".join(b"".join(pieces(r.nonce, r.content, 37)) for r in wanted)
    requests, found = Requests(), []
    while stream:
        cut = chance.randrange(1, 60)
        found += requests.feed(stream[:cut])
        stream = stream[cut:]
    assert found == wanted


def test_of_a_request_that_never_becomes_whole_nothing_stays():
    requests = Requests()
    begun, *_ = pieces(b"a" * 16, b"never whole", 4)
    (whole,) = pieces(b"b" * 16, b"whole", 99)
    assert requests.feed(begun + whole) == [Request(b"b" * 16, b"J", b"whole")]


def test_an_answer_repeats_what_tells_the_request():
    request = Request(b"n" * 16, b"J", b"")
    assert answer(request, 1, b"no") == b"n" * 16 + b"\1" + b"\2\0\0\0" + b"no"


def ask(service, *requests):
    """Play QEMU: hand on requests and return what comes back until the guest ends."""
    with socket.socket(socket.AF_UNIX) as guest:
        guest.connect(str(service.path))
        for nonce, kind, content in requests:
            numbers = (len(content), 0, len(content))
            head = nonce + kind + b"".join(n.to_bytes(4, "little") for n in numbers)
            guest.sendall(head + content)
        guest.shutdown(socket.SHUT_WR)
        received = b""
        while piece := guest.recv(1 << 16):
            received += piece
    return received


def test_a_kernel_tells_of_itself_once(tmp_path):
    archive = tmp_path / "archive"
    (tmp_path / "btf").write_text("types")
    with tarfile.open(archive, "w") as packed:
        packed.add(tmp_path / "btf", "tracing/btf")
    facts = tmp_path / "facts"
    known = (b"k" * 16, b"K", b"?")
    with CompileService(tmp_path / "one", facts) as service:
        said = ask(service, known, (b"f" * 16, b"F", archive.read_bytes()), known)
    assert [said[at + 16] for at in range(0, len(said), 21)] == [0, 0, 1]
    assert (facts / "tracing/btf").read_text() == "types"


def test_a_service_that_nobody_asks_ends(tmp_path):
    before = threading.active_count()
    with CompileService(tmp_path / "one", tmp_path / "facts"):
        pass
    assert threading.active_count() == before
    assert not (tmp_path / "one").exists()


def test_a_worker_that_fails_is_an_answer(tmp_path):
    # Without facts there is nothing to mount, so it ends at once and says why.
    with CompileService(tmp_path / "one", tmp_path / "facts") as service:
        said = ask(service, (b"j" * 16, b"J", b"{}\n"))
    assert said[16] != 0
    assert b"facts" in said or b"Operation not permitted" in said
