"""`depth-models weights`: named checkpoints are listed, verified, added and imported, whole or not at all."""

import functools
import hashlib
import json
import socket
import threading
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import published_dpt as published
import pytest
import torch

from depth_models import Checkpoint, DepthModelsError, DepthPredictor, Preprocess, create_network
from depth_models.checkpoint import bundled, find_checkpoint
from depth_models.cli import main
from depth_models.files import share_folder, user_folder
from depth_models.store import read_manifest


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A small checkpoint."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("mine") / "mine.safetensors"
    network = create_network("multiscale", coarse=False, input_size=(48, 64))
    Checkpoint.of(network, Preprocess(48, 64, (0.5,) * 3, (0.25,) * 3), {"command": "typed"}).save(path)
    return path


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Nothing is added, and what is goes here."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    return user_folder("weights")


@pytest.fixture
def server(file):
    """The address of a folder that holds the checkpoint, on this machine."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(file.parent)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def weights(capsys, *arguments, code=0):
    assert main(["weights", *map(str, arguments)]) == code
    return capsys.readouterr()


def rows(capsys, *arguments, code=0):
    return {row["name"]: row for row in json.loads(weights(capsys, *arguments, "--json", code=code).out)}


def contents(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def test_what_is_bundled_is_what_the_manifest_in_the_repository_says():
    """After a change of what is bundled: depth-models weights manifest."""
    manifest = read_manifest(share_folder("weights"))
    assert manifest.keys() == bundled().keys()
    for name, path in bundled().items():
        assert (manifest[name].bytes, manifest[name].sha256) == (path.stat().st_size, digest(path)), name
        assert manifest[name].source == Checkpoint.load(path).record["command"]


def test_the_list_says_network_size_hash_and_where_from(capsys, file, home):
    weights(capsys, "add", file)
    found = rows(capsys, "list")
    assert found.keys() == {*bundled(), "mine"}
    assert {name: row["kind"] for name, row in found.items()} == dict.fromkeys(bundled(), "bundled") | {"mine": "added"}
    mine = found["mine"]
    assert (mine["network"], mine["source"], mine["sha256"]) == ("multiscale", str(file), digest(file))
    assert (mine["megabytes"], mine["file"]) == (file.stat().st_size / 1e6, str(home / "mine.safetensors"))
    text = weights(capsys, "list").out
    lines = ["mine", f"  multiscale, added, {file.stat().st_size / 1e6:.1f} MB"]
    assert "\n".join([*lines, f"  SHA-256 {digest(file)}", f"  from {file}"]) in text


def test_an_added_file_is_found_by_name(capsys, file, home):
    printed = weights(capsys, "add", file, "--name", "baseline.2", "--sha256", digest(file).upper())
    assert printed.out == f"baseline.2: {home / 'baseline.2.safetensors'}\n"
    assert find_checkpoint("baseline.2").read_bytes() == file.read_bytes()
    assert DepthPredictor.from_checkpoint("baseline.2", device="cpu").checkpoint.network == "multiscale"
    assert contents(home) == ["baseline.2.safetensors", "manifest.json"]


def test_an_address_is_fetched_and_checked(capsys, file, home, server):
    weights(capsys, "add", f"{server}/mine.safetensors?download=true", "--sha256", digest(file))
    assert (home / "mine.safetensors").read_bytes() == file.read_bytes()
    assert read_manifest(home)["mine"].source == f"{server}/mine.safetensors?download=true"


def test_an_address_without_a_hash_is_not_fetched(capsys, home, monkeypatch):
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: pytest.fail("it was fetched"))
    assert "give its hash with --sha256" in weights(capsys, "add", "https://example.org/a.safetensors", code=1).err
    assert contents(home) == []


@pytest.mark.parametrize("remote", [False, True])
def test_another_hash_adds_nothing(capsys, file, home, server, remote):
    source = f"{server}/mine.safetensors" if remote else file
    error = weights(capsys, "add", source, "--sha256", "0" * 64, code=1).err
    assert f"its SHA-256 is {digest(file)}, expected {'0' * 64}" in error
    assert contents(home) == []


def test_what_cannot_be_fetched_is_one_clear_error(capsys, home, server, monkeypatch):
    error = weights(capsys, "add", f"{server}/absent.safetensors", "--sha256", "0" * 64, code=1).err
    assert "absent.safetensors: cannot be read (HTTP Error 404: File not found)" in error

    def refuse(*_, **__):
        raise OSError("there is no network")

    monkeypatch.setattr(socket, "create_connection", refuse)
    error = weights(capsys, "add", "http://example.org/a.safetensors", "--sha256", "0" * 64, code=1).err
    assert "there is no network" in error
    assert "fetch it on another machine and add the file" in error
    assert contents(home) == []


def test_a_connection_that_breaks_adds_nothing(capsys, file, home, monkeypatch):
    class Broken:
        def __init__(self):
            self.parts = [file.read_bytes()[:1000]]

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def read(self, _):
            if self.parts:
                return self.parts.pop()
            raise ConnectionResetError("reset by peer")

    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: Broken())
    error = weights(capsys, "add", "https://example.org/a.safetensors", "--sha256", digest(file), code=1).err
    assert "https://example.org/a.safetensors: cannot be read (reset by peer)" in error
    assert contents(home) == []


def test_what_is_no_checkpoint_is_not_added(capsys, tmp_path, file, home):
    (tmp_path / "cut.safetensors").write_bytes(file.read_bytes()[:5000])
    error = weights(capsys, "add", tmp_path / "cut.safetensors", code=1).err
    assert f"{tmp_path / 'cut.safetensors'}: not a complete safetensors file" in error
    checkpoint = Checkpoint.load(file)
    tensors = dict(list(checkpoint.tensors.items())[1:])
    replace(checkpoint, tensors=tensors).save(tmp_path / "short.safetensors")
    assert "its tensors do not fit network" in weights(capsys, "add", tmp_path / "short.safetensors", code=1).err
    assert "depth-models weights import" in weights(capsys, "add", tmp_path / "theirs.pth", code=1).err
    assert "cannot be read (" in weights(capsys, "add", tmp_path / "absent.safetensors", code=1).err
    assert contents(home) == []


def test_names_that_are_taken_or_cannot_be_are_refused(capsys, file, home):
    weights(capsys, "add", file)
    for name, reason in (
        ("mine", f"'mine' is there already; remove {home / 'mine.safetensors'}"),
        ("unet", "'unet' is the name of a bundled checkpoint"),
        ("../mine", "'../mine' cannot be a checkpoint's name"),
        ("", "'' cannot be a checkpoint's name"),
    ):
        assert reason in weights(capsys, "add", file, "--name", name, code=1).err
    assert contents(home) == ["manifest.json", "mine.safetensors"]


def test_verify_tells_a_changed_an_absent_and_an_unlisted_file(capsys, file, home):
    for name in ("same", "changed", "absent"):
        weights(capsys, "add", file, "--name", name)
    assert {row["state"] for row in rows(capsys, "verify").values()} == {"ok"}
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    (home / "changed.safetensors").write_bytes(data)
    (home / "absent.safetensors").unlink()
    (home / "unlisted.safetensors").write_bytes(file.read_bytes())
    found = rows(capsys, "verify", code=1)
    expected = dict.fromkeys(bundled(), "ok")
    expected |= {"same": "ok", "changed": "changed", "absent": "absent", "unlisted": "unlisted"}
    assert {name: row["state"] for name, row in found.items()} == expected
    assert found["changed"]["sha256"] == hashlib.sha256(data).hexdigest()
    assert rows(capsys, "verify", "same").keys() == {"same"}
    assert "changed" in weights(capsys, "verify", "changed", code=1).out
    assert weights(capsys, "verify", "unlisted").out.split() == ["unlisted", digest(file), "unlisted"]


def test_any_file_is_verified_against_a_hash(capsys, file):
    assert weights(capsys, "verify", file, "--sha256", digest(file)).out.split() == ["ok", digest(file), str(file)]
    assert weights(capsys, "verify", file, "--sha256", "0" * 64, code=1).out.startswith("changed")
    assert weights(capsys, "verify", file).out.split()[:2] == ["unlisted", digest(file)]
    assert "is neither a file nor" in weights(capsys, "verify", file.with_name("absent"), code=1).err


def test_a_malformed_manifest_is_named(home):
    home.mkdir(parents=True)
    for text in ("{", "[]", '{"a": {"bytes": 1}}', '{"a": 1}'):
        (home / "manifest.json").write_text(text)
        with pytest.raises(DepthModelsError, match=r"manifest.json: not a manifest of checkpoints"):
            read_manifest(home)


def test_published_weights_are_imported_once_and_found_by_name(capsys, tmp_path, home):
    state = published.random_state(width=384, blocks=12, channels=(48, 96, 192, 384), features=64)
    path = tmp_path / "depth_anything_v2_metric_hypersim_vits.pth"
    torch.save(state, path)
    arguments = ["import", path, "--network", "dpt", "--max-depth-m", 20, "--size", "56x84", "--name", "dpt"]
    printed = weights(capsys, *arguments)
    assert printed.out == "dpt: Depth Anything V2, vit_small, metric, up to 20 m; licence Apache-2.0\n"
    row = rows(capsys, "list")["dpt"]
    assert (row["kind"], row["network"], row["licence"], row["source"]) == ("added", "dpt", "Apache-2.0", str(path))
    record = Checkpoint.load(home / "dpt.safetensors").record
    assert record["sha256"] == digest(path)
    assert record["command"].endswith(f"import {path.name} --network dpt --max-depth-m 20 --size 56x84")
    assert DepthPredictor.from_checkpoint("dpt", device="cpu").checkpoint.network == "dpt"
    assert rows(capsys, "verify", "dpt")["dpt"]["state"] == "ok"
    del state["pretrained.mask_token"]
    torch.save(state, path)
    error = weights(capsys, *arguments[:-1], "other", code=1).err
    assert "1 tensors differ from Depth Anything V2 with vit_small:\n  pretrained.mask_token is missing" in error
    assert contents(home) == ["dpt.safetensors", "manifest.json"]
