import multiprocessing

import pytest

from tests.kernels.cache import Cache, recipe_digest


def write(text):
    def build(folder):
        (folder / "content").write_text(text)

    return build


def test_digest_depends_on_content_and_not_on_order():
    digest = recipe_digest({"a": 1, "b": ["x", "y"]})
    assert digest == recipe_digest({"b": ["x", "y"], "a": 1})
    assert digest != recipe_digest({"a": 1, "b": ["y", "x"]})
    assert digest.isalnum()


def test_part_is_built_once_per_recipe(tmp_path):
    cache = Cache(tmp_path)
    first = cache.part("root", {"packages": ["a"]}, write("first"))
    again = cache.part("root", {"packages": ["a"]}, write("never written"))
    other = cache.part("root", {"packages": ["a", "b"]}, write("second"))
    assert first == again
    assert first.name == f"root-{recipe_digest({'packages': ['a']})}"
    assert (first / "content").read_text() == "first"
    assert (other / "content").read_text() == "second"


def test_failed_or_killed_build_leaves_no_part(tmp_path):
    cache = Cache(tmp_path)

    def fail(folder):
        (folder / "half").touch()
        raise RuntimeError("no network")

    with pytest.raises(RuntimeError, match="no network"):
        cache.part("root", {}, fail)
    folder = cache.part("root", {}, write("whole"))
    assert [path.name for path in folder.iterdir()] == ["content"]


def build_slowly(folder, started, proceed, built):
    def build(place):
        with built.get_lock():
            built.value += 1
        started.set()
        proceed.wait()
        (place / "content").write_text("whole")

    part = Cache(folder).part("root", {}, build)
    assert (part / "content").read_text() == "whole"


def test_two_runs_build_a_part_once(tmp_path):
    context = multiprocessing.get_context("fork")
    started, proceed, built = context.Event(), context.Event(), context.Value("i", 0)
    runs = [
        context.Process(target=build_slowly, args=(tmp_path, started, proceed, built))
        for _ in range(2)
    ]
    runs[0].start()
    started.wait()
    runs[1].start()
    proceed.set()
    for run in runs:
        run.join()
    assert [run.exitcode for run in runs] == [0, 0]
    assert built.value == 1


def hold_scratch(folder, ready):
    with Cache(folder).scratch() as scratch:
        (scratch / "disk").touch()
        ready.send(scratch)
        ready.recv()


def test_scratch_folders_of_killed_runs_are_removed_and_no_others(tmp_path):
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    run = context.Process(target=hold_scratch, args=(tmp_path, theirs))
    run.start()
    left = ours.recv()
    with Cache(tmp_path).scratch() as own:
        assert left.exists()
        assert own.exists()
    assert not own.exists()
    run.kill()
    run.join()
    assert left.exists()
    with Cache(tmp_path).scratch():
        assert not left.exists()


def test_folder_comes_from_the_environment(tmp_path):
    part = Cache.from_environment({"OSMIA_VM_DIR": str(tmp_path / "vm")}).part("x", {}, write(""))
    assert part.parent == tmp_path / "vm"
