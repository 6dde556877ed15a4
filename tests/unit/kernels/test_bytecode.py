import os

from tests.kernels import bytecode


def guest_leaves(results, **contents):
    folder = results / "bytecode"
    folder.mkdir(parents=True)
    for age, (name, content) in enumerate(contents.items()):
        (folder / f"{name}.bpf").write_text(content)
        os.utime(folder / f"{name}.bpf", (1_000_000 - age, 1_000_000 - age))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_what_one_guest_compiled_the_next_one_finds(tmp_path):
    results, kept, job = tmp_path / "results", tmp_path / "kept", tmp_path / "job"
    job.mkdir()
    bytecode.lend(kept, job)
    assert names(job / "bytecode") == []
    guest_leaves(results, first="1", second="2")
    bytecode.take_back(results, kept)
    assert not (results / "bytecode").exists()
    bytecode.lend(kept, job)
    assert names(job / "bytecode") == ["first.bpf", "second.bpf"]
    assert (job / "bytecode").stat().st_mode & 0o777 == 0o700


def test_guest_that_left_nothing(tmp_path):
    (tmp_path / "results").mkdir()
    bytecode.take_back(tmp_path / "results", tmp_path / "kept")
    assert names(tmp_path / "kept") == []


def test_the_oldest_go_first(tmp_path, monkeypatch):
    monkeypatch.setattr(bytecode, "MAX_BYTES", 25)
    guest_leaves(tmp_path, newest="x" * 10, middle="x" * 10, oldest="x" * 10)
    bytecode.take_back(tmp_path, tmp_path / "kept")
    assert names(tmp_path / "kept") == ["middle.bpf", "newest.bpf"]
