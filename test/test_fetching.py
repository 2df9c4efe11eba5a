"""Data that is named and not there: fetched from its server once, whole or not at all."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

pytest.importorskip("h5py")

from mat_files import nyu_arrays, write_mat

from depth_models import DepthModelsError
from depth_models.cli import main
from depth_models.data.fetching import REMOTE, RemoteFile
from depth_models.data.sources import open_source
from depth_models.files import user_folder

FRAMES = 5


class Server:
    """Gives one file, as far as `most` bytes an answer; `asked` lists the ranges that were asked for."""

    def __init__(self, content):
        self.content, self.most, self.knows_ranges, self.asked = content, len(content), True, []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                wanted = self.headers.get("Range")
                outer.asked.append(wanted)
                first = int(wanted.split("=")[1].rstrip("-")) if wanted and outer.knows_ranges else 0
                self.send_response(206 if first else 200)
                self.send_header("Content-Length", str(len(outer.content) - first))
                self.end_headers()
                self.wfile.write(outer.content[first : first + outer.most])

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def file(self, **other):
        """What the package knows of it."""
        address = f"http://127.0.0.1:{self.http.server_port}/nyu_depth_v2_labeled.mat"
        known = {"bytes": len(self.content), "md5": hashlib.md5(self.content).hexdigest()}
        return RemoteFile(address, **known | other)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Nothing was fetched yet; what is goes here."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return user_folder("data")


@pytest.fixture
def server(tmp_path, monkeypatch):
    server = Server(write_mat(tmp_path / "stand_in.mat", **nyu_arrays(FRAMES)).read_bytes())
    monkeypatch.setitem(REMOTE, "nyu", server.file())
    yield server
    server.http.shutdown()
    server.http.server_close()


def visible(folder):
    return [path.name for path in folder.iterdir() if not path.name.startswith(".")]


def test_what_is_named_is_fetched_once_and_opened(server, folder):
    for _ in range(2):
        source = open_source("nyu")
        assert len(source) == FRAMES
        assert source.path == folder / "nyu_depth_v2_labeled.mat"
    assert server.asked == [None]
    assert source.path.read_bytes() == server.content


def test_it_is_prepared_and_checked_by_name(server, folder, tmp_path, capsys):
    out = tmp_path / "prepared"
    assert main(["data", "check", "nyu"]) == 1, "the stand-in is smaller"
    assert capsys.readouterr().out == f"{FRAMES} frames, and NYU Depth V2 has 1449\nnyu: 1 defect\n"
    assert main(["data", "prepare", "nyu", "--out", str(out)]) == 0
    assert len(open_source(out)) == FRAMES
    assert open_source(out).description["file"] == "nyu_depth_v2_labeled.mat"
    assert server.asked == [None]
    assert main(["data", "prepare", "no_such", "--out", str(out)]) == 1
    assert "no_such: no such data file or folder, nor a name of what can be fetched: nyu" in capsys.readouterr().err


def test_a_fetch_that_broke_off_goes_on_where_it_stopped(server, folder):
    server.most = 1000
    with pytest.raises(DepthModelsError, match=rf"it ended after 1000 of {len(server.content)} bytes"):
        open_source("nyu")
    assert visible(folder) == []
    server.most = len(server.content)
    assert open_source("nyu").path.read_bytes() == server.content
    assert server.asked == [None, "bytes=1000-"]


def test_a_server_without_ranges_is_asked_for_all_of_it_again(server):
    server.most, server.knows_ranges = 1000, False
    with pytest.raises(DepthModelsError, match="it ended after 1000"):
        open_source("nyu")
    server.most = len(server.content)
    assert open_source("nyu").path.read_bytes() == server.content


def test_another_file_is_refused_and_not_kept(server, folder, monkeypatch):
    monkeypatch.setitem(REMOTE, "nyu", server.file(md5="0" * 32))
    with pytest.raises(DepthModelsError, match=f"came as {len(server.content)} bytes with MD5 [0-9a-f]+, expected"):
        open_source("nyu")
    assert sorted(path.name for path in folder.iterdir()) == [".nyu_depth_v2_labeled.mat.lock"]


def test_training_on_it_without_a_network_says_where_to_put_it(monkeypatch, folder, capsys):
    closed = RemoteFile("http://127.0.0.1:9/nyu_depth_v2_labeled.mat", 2_972_037_809, "0" * 32)
    monkeypatch.setitem(REMOTE, "nyu", closed)
    assert main(["train", "unet", "--data", "nyu"]) == 1
    error = capsys.readouterr().err
    assert f"{closed.address} cannot be fetched (" in error
    assert (
        f"(2.97 GB) on another machine, and give its path or put it at {folder / 'nyu_depth_v2_labeled.mat'}" in error
    )


def test_a_folder_that_cannot_be_written_to_is_named(server, folder):
    folder.parent.mkdir(parents=True)
    folder.write_text("a file where the folder would be")
    with pytest.raises(DepthModelsError, match=f"{folder}: cannot be written .*nyu_depth_v2_labeled.mat needs"):
        open_source("nyu")


def test_what_lies_on_the_disk_goes_before_what_can_be_fetched(tmp_path, server):
    write_mat(tmp_path / "nyu", **nyu_arrays(3))
    assert len(open_source("nyu")) == 3
    assert server.asked == []
