"""Compiled networks in the cache: whole or absent, built once, built again after any change; and 'auto' above it."""

import json
import logging
import multiprocessing
import time
from pathlib import Path

import numpy as np
import pytest

from depth_models import DepthModelsError
from depth_models.backends import Backend, Outputs, choice
from depth_models.backends.cache import cached


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("DEPTH_MODELS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("DEPTH_MODELS_BACKEND", raising=False)
    return tmp_path / "cache"


class Builder:
    def __init__(self, text="built"):
        self.text, self.times = text, 0

    def __call__(self, folder):
        self.times += 1
        (folder / "model").write_text(self.text)
        return {"fact": 1}


def test_it_is_built_once_and_found_again():
    build = Builder()
    first = cached({"weights": "a"}, build)
    assert (first / "model").read_text() == "built"
    assert cached({"weights": "a"}, build) == first
    assert build.times == 1
    assert json.loads((first / "about.json").read_text())["facts"] == {"fact": 1}


@pytest.mark.parametrize("change", [{"weights": "b"}, {"version": "2"}, {"size": [1, 3]}, {"precision": "bf16"}])
def test_anything_that_changed_is_built_again(change):
    key = {"weights": "a", "version": "1", "size": [1, 2], "precision": "fp32"}
    assert cached(key, Builder()) != cached({**key, **change}, Builder("other"))
    assert (cached({**key, **change}, Builder()) / "model").read_text() == "other"


def truncate(folder):
    (folder / "model").write_text("buil")


def flip(folder):
    (folder / "model").write_text("bui1t")


def lose(folder):
    (folder / "model").unlink()


def garble(folder):
    (folder / "about.json").write_text("{")


def foreign(folder):
    about = json.loads((folder / "about.json").read_text())
    (folder / "about.json").write_text(json.dumps({**about, "key": {"weights": "another"}}))


@pytest.mark.parametrize("damage", [truncate, flip, lose, garble, foreign])
def test_what_is_damaged_or_of_something_else_is_built_again(damage, caplog):
    build = Builder()
    damage(cached({"weights": "a"}, build))
    assert (cached({"weights": "a"}, build) / "model").read_text() == "built"
    assert build.times == 2
    assert "is damaged and is built again" in caplog.text


def test_a_failed_or_interrupted_build_leaves_nothing(folder):
    def fail(part):
        (part / "model").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached({"weights": "a"}, fail)
    assert [path.suffix for path in folder.iterdir()] == [".lock"]
    assert (cached({"weights": "a"}, Builder()) / "model").read_text() == "built"


def test_what_a_killed_process_left_is_removed(folder):
    name = cached({"weights": "a"}, Builder()).name
    (folder / name).rename(folder / f"{name}.part")
    (folder / f"{name}.part" / "half").write_text("half")
    again = cached({"weights": "a"}, Builder())
    assert sorted(path.name for path in again.iterdir()) == ["about.json", "model"]


def test_a_cache_that_cannot_be_written_is_a_clear_error(folder):
    folder.parent.mkdir(exist_ok=True)
    folder.write_text("a file")
    with pytest.raises(DepthModelsError, match=r"cannot be written .* DEPTH_MODELS_CACHE"):
        cached({"weights": "a"}, Builder())


def slow_build(folder):
    time.sleep(0.5)
    (folder / "model").write_text("built")
    with (folder.parent / "times").open("a") as file:
        file.write("x")
    return {}


def build_in_process(barrier):
    barrier.wait()
    assert (cached({"weights": "a"}, slow_build) / "model").read_text() == "built"


def test_of_two_processes_one_builds_and_the_other_waits(folder):
    context = multiprocessing.get_context("fork")  # they import nothing again
    barrier = context.Barrier(2)
    processes = [context.Process(target=build_in_process, args=(barrier,)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    assert (folder / "times").read_text() == "x"


class Fake(Backend):
    """Takes as long as it is told, and remembers that it was loaded."""

    package = "json"
    delay_s, error, loaded = 0.0, None, None

    @classmethod
    def precisions(cls, device):
        return ("fp32",)

    @classmethod
    def load(cls, checkpoint, device, precision, threads):
        cls.loaded.append(cls.name)
        if cls.error:
            raise cls.error
        return cls()

    def __call__(self, canvases):
        time.sleep(self.delay_s)
        return Outputs(np.ones((len(canvases), 1, 2, 2), np.float32))


class OnlyADigest:
    network, digest = "unet", "abc"

    class preprocess:
        height, width = 16, 16


@pytest.fixture
def fakes(monkeypatch):
    """Back-ends slow, broken and quick; which were loaded is in the list."""
    loaded = []
    classes = {
        name: type(name, (Fake,), {"name": name, "delay_s": delay_s, "error": error, "loaded": loaded})
        for name, delay_s, error in (
            ("torch", 0.03, None),
            ("broken", 0.0, RuntimeError("no such instruction")),
            ("quick", 0.001, None),
        )
    }
    monkeypatch.setattr(choice, "BACKENDS", classes)
    return loaded


def test_auto_takes_the_fastest_and_remembers_it(fakes, caplog):
    caplog.set_level(logging.INFO, "depth_models")
    assert choice.load(OnlyADigest, "auto", "cpu", "fp32", None).name == "quick"
    assert fakes == ["torch", "broken", "quick"]
    assert "backend 'broken' cannot run 'unet' on cpu in fp32: RuntimeError: no such instruction" in caplog.text
    assert "looking for the fastest back-end" in caplog.text
    fakes.clear()
    assert choice.load(OnlyADigest, "auto", "cpu", "fp32", None).name == "quick"
    assert fakes == ["quick"]
    assert choice.load(OnlyADigest, "auto", "cpu", "fp32", 1).name == "quick", "of other threads it is measured again"
    assert fakes == ["quick", "torch", "broken", "quick"]


def test_auto_measures_again_when_the_remembered_one_fails(fakes, caplog):
    choice.load(OnlyADigest, "auto", "cpu", "fp32", None)
    choice.BACKENDS["quick"].error = DepthModelsError("its driver is gone")
    assert choice.load(OnlyADigest, "auto", "cpu", "fp32", None).name == "torch"
    assert "its driver is gone; going on without it" in caplog.text


def test_what_was_asked_for_is_not_replaced(fakes):
    with pytest.raises(
        DepthModelsError, match="backend 'broken' cannot run 'unet' on cpu in fp32: RuntimeError: no such"
    ):
        choice.load(OnlyADigest, "broken", "cpu", "fp32", None)
    assert fakes == ["broken"]


def test_the_environment_says_what_auto_is(fakes, monkeypatch):
    monkeypatch.setenv("DEPTH_MODELS_BACKEND", "torch")
    assert choice.load(OnlyADigest, "auto", "cpu", "fp32", None).name == "torch"
    assert choice.load(OnlyADigest, "quick", "cpu", "fp32", None).name == "quick"
    assert fakes == ["torch", "quick"]


def test_auto_goes_on_where_the_cache_cannot_be_written(fakes, folder, caplog):
    folder.parent.mkdir(exist_ok=True)
    folder.write_text("a file")
    assert choice.load(OnlyADigest, "auto", "cpu", "fp32", None).name == "quick"
    assert "it is measured again next time" in caplog.text
    assert Path(folder).read_text() == "a file"
