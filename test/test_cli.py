"""The command line: what each verb prints and writes, and its exit code."""

import json
import subprocess
import sys
from dataclasses import asdict

import numpy as np
import pytest
import torch
from PIL import Image

from depth_models import Checkpoint, DepthPredictor, Preprocess, create_network, list_networks
from depth_models.cli import VERBS, main


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch.manual_seed(0)
    network = create_network("multiscale", coarse=False, input_size=(48, 64))
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    preprocess = Preprocess(48, 64, (0.5,) * 3, (0.25,) * 3, focal_px=50.0)
    Checkpoint.of(network, preprocess, {"data": "none", "seed": 0}).save(path)
    return path


@pytest.fixture
def picture(tmp_path):
    rgb = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    Image.fromarray(rgb).save(tmp_path / "view.png")
    return tmp_path / "view.png", rgb


def output(capsys, *arguments, code=0):
    assert main([str(a) for a in arguments]) == code
    return capsys.readouterr()


def test_networks_counts_what_the_networks_have(capsys):
    rows = {row["network"]: row for row in json.loads(output(capsys, "networks", "--json").out)}
    assert sorted(rows) == list_networks()
    with torch.device("meta"):
        network = create_network("fpn")
    assert rows["fpn"]["parameters"] == sum(p.numel() for p in network.parameters())
    assert rows["fpn"]["trainable"] == sum(p.numel() for p in network.parameters() if p.requires_grad)
    # multiscale from figure 4: per output pixel and channel of a convolution, inputs x kernel multiplications and as
    # many additions; per weight of a linear layer one of each.
    convolutions = [
        (480 * 640, 96, 3 * 25), (240 * 320, 100, 96 * 9), (120 * 160, 100, 100 * 9), (60 * 80, 256, 100 * 9),
        (60 * 80, 1, 256 * 9), (480 * 640, 100, 3 * 121), (480 * 640, 100, 100 * 25), (480 * 640, 40, 101 * 9),
        (480 * 640, 1, 40 * 9),
    ]  # fmt: skip
    flop = 2 * (sum(pixels * out * taps for pixels, out, taps in convolutions) + 4800 * 9600 + 9600 * 19200)
    assert rows["multiscale"]["gflop"] == pytest.approx(flop / 1e9, rel=1e-6)
    table = output(capsys, "networks").out
    assert all(name in table for name in rows)
    assert {name: row["bundled"] for name, row in rows.items() if row["bundled"]} == {
        "fpn": ["fpn"],
        "unet": ["unet", "unet_small"],
    }
    assert "231.2 M" in table


def test_weights_prints_a_checkpoints_record(capsys, weights):
    card = json.loads(output(capsys, "weights", "card", weights, "--json").out)
    assert (card["network"], card["record"]) == ("multiscale", {"data": "none", "seed": 0})
    assert card["preprocess"]["focal_px"] == 50.0
    assert card["parameters"] == sum(t.numel() for t in Checkpoint.load(weights).tensors.values())
    assert "focal_px: 50.0" in output(capsys, "weights", "card", weights).out


def test_a_checkpoint_is_halved_and_keeps_its_record(capsys, tmp_path, weights):
    output(capsys, "weights", "halve", weights, tmp_path / "half.safetensors")
    half, full = Checkpoint.load(tmp_path / "half.safetensors"), Checkpoint.load(weights)
    assert (half.network, half.config, half.record) == (full.network, full.config, full.record)
    for name, tensor in full.tensors.items():
        assert torch.equal(half.tensors[name], tensor.half().float())
    size = (tmp_path / "half.safetensors").stat().st_size
    assert 2 * sum(t.numel() for t in full.tensors.values()) <= size < 0.6 * weights.stat().st_size


def test_predict_writes_metres_millimetres_and_a_picture(capsys, tmp_path, weights, picture):
    path, rgb = picture
    printed = output(capsys, "predict", weights, path, "--out", tmp_path / "out", "--fx", 70, "--json")
    (result,) = json.loads(printed.out)
    expected = DepthPredictor.from_checkpoint(weights)(rgb, fx=70.0, fy=70.0)
    metres = np.load(tmp_path / "out" / "view.npy")
    np.testing.assert_array_equal(metres, expected.metres)
    assert metres.dtype == np.float32
    millimetres = np.asarray(Image.open(tmp_path / "out" / "view_mm.png"))
    assert millimetres.dtype == np.uint16
    np.testing.assert_allclose(millimetres, expected.metres * 1000, atol=0.51)
    assert result["median_m"] == pytest.approx(float(np.median(expected.metres)))
    assert Image.open(result["picture"]).width > 2 * 80
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["view.npy", "view_depth.png", "view_mm.png"]


def test_predict_goes_on_past_a_bad_image_and_says_so(capsys, tmp_path, weights, picture):
    folder = picture[0].parent
    (folder / "bad.png").write_bytes(b"no image")
    printed = output(capsys, "predict", weights, folder, "--out", tmp_path / "out", code=1)
    assert "1 of 2 images done" in printed.out
    assert "bad.png: cannot be read as an image" in printed.err
    assert (tmp_path / "out" / "view.npy").is_file()
    assert not list((tmp_path / "out").glob("bad*"))


def test_images_of_one_name_do_not_overwrite_each_other(capsys, tmp_path, weights, picture):
    path, rgb = picture
    Image.fromarray(rgb[::-1].copy()).save(path.with_suffix(".bmp"))
    (tmp_path / "other").mkdir()
    Image.fromarray(rgb[:, ::-1].copy()).save(tmp_path / "other" / "view.png")
    images = [path, path.with_suffix(".bmp"), tmp_path / "other" / "view.png"]
    results = json.loads(output(capsys, "predict", weights, *images, "--out", tmp_path / "out", "--json").out)
    assert [r["image"] for r in results] == [str(p) for p in images]
    assert len({r["metres"] for r in results}) == len(list((tmp_path / "out").glob("*.npy"))) == 3


def test_data_rooms_writes_what_the_generator_gives(capsys, tmp_path):
    pytest.importorskip("h5py")
    pytest.importorskip("embreex")
    from depth_models.data.nyu import NyuFile
    from depth_models.data.rooms.generate import dataset_frame

    out = tmp_path / "rooms.mat"
    arguments = ["--frames", 2, "--size", "32x48", "--seed", 4, "--workers", 1, "--out", out]
    assert output(capsys, "data", "rooms", *arguments).out == f"{out}\n"
    file = NyuFile(out)
    assert (len(file), file.size, file.description["seed"]) == (2, (32, 48), 4)
    np.testing.assert_allclose(file[1].depth, dataset_frame(4, 1, (32, 48)).depth, rtol=1e-6)


def test_a_part_without_frames_is_an_error(capsys, few_planes, weights):
    printed = output(capsys, "evaluate", weights, "--data", few_planes(1), code=1)
    assert "no frame with truth in part 'test' of split 'scene'" in printed.err
    assert printed.out == ""


def test_train_then_evaluate(capsys, tmp_path, planes):
    from depth_models.data.nyu import NyuFile
    from depth_models.evaluation import evaluate

    settings = {
        "options": "{coarse: false, input_size: [32, 48]}", "preprocess.height": 32, "preprocess.width": 48,
        "split": "scene", "epochs": 1, "batch_size": 16, "workers": 0, "optimisation.lr": "1e-3",
    }  # fmt: skip
    changes = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    printed = output(capsys, "train", "multiscale", "--data", planes, "--out", tmp_path / "run", *changes, "--json")
    checkpoint = json.loads(printed.out)["checkpoint"]
    assert checkpoint == str(tmp_path / "run" / "best.safetensors")
    printed = output(capsys, "evaluate", checkpoint, "--data", planes, "--part", "val", "--json")
    (report,) = json.loads(printed.out)["results"]
    source = NyuFile(planes)
    expected = evaluate(DepthPredictor.from_checkpoint(checkpoint), [source[i] for i in range(64, 72)])
    assert report["per_image"] == pytest.approx(asdict(expected)["per_image"], rel=1e-6)
    assert report["frames"] == 8
    table = output(capsys, "evaluate", checkpoint, "--data", planes, "--part", "val").out
    assert f"{expected.per_image['abs_rel']:.4f}" in table
    assert "best constant" in table


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["predict", "nothing", "x.png", "--out", "{out}"], "'nothing' is neither a file nor a checkpoint's name"),
        (["predict", "{weights}", "absent.png", "--out", "{out}"], "absent.png: no such image file"),
        (["predict", "{weights}", "{empty}", "--out", "{out}"], "no image in this folder"),
        (["predict", "{weights}", "{picture}", "--out", "{picture}"], "cannot be written"),
        (["train", "une", "--data", "x.mat", "--out", "{out}"], "neither a file nor one of the shipped"),
        (["train", "unet", "--data", "x.mat", "--out", "{out}"], "x.mat: no such data file"),
        (["evaluate", "{weights}", "--data", "{picture}"], "not a whole MATLAB v7.3"),
        (["data", "rooms", "--frames", "1", "--size", "8x8", "--out", "{out}/r.mat"], "must be 32x32 or more"),
        (["weights", "card", "absent"], "neither a file"),
    ],
)
def test_what_cannot_be_done_ends_with_1_and_the_reason(capsys, tmp_path, weights, picture, arguments, reason):
    (tmp_path / "empty").mkdir()
    places = {"weights": weights, "picture": picture[0], "out": tmp_path / "out", "empty": tmp_path / "empty"}
    printed = output(capsys, *(a.format(**places) for a in arguments), code=1)
    assert reason in printed.err
    assert printed.out in ("", "0 of 1 images done; results in " + str(tmp_path / "out") + "\n")
    assert not (tmp_path / "out").exists()


def test_a_package_that_is_not_installed_is_named(capsys, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)  # as if it were not there
    printed = output(capsys, "data", "rooms", "--frames", "1", "--out", tmp_path / "r.mat", code=1)
    assert "the Python package h5py is not installed; pip install 'depth_estimation_ros[train]'" in printed.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["dance"],
        ["predict", "unet"],
        ["predict", "unet", "x.png", "--out", "o", "--fx", "-3"],
        ["predict", "unet", "x.png", "--out", "o", "--fy", "50"],
        ["predict", "unet", "x.png", "--out", "o", "--precision", "int4"],
        ["predict", "unet", "x.png", "--out", "o", "--device", "gpu"],
        ["weights"],
        ["weights", "halve", "o"],
        ["weights", "add", "f", "--sha256", "12"],
        ["weights", "verify", "--sha256", "0" * 64],
        ["weights", "import", "f.pth", "--network", "unet", "--relative"],
        ["weights", "import", "f.pth", "--network", "dpt"],
        ["weights", "import", "f.pth", "--network", "dpt", "--relative", "--max-depth-m", "20"],
        ["data"],
        ["data", "rooms", "--frames", "0", "--out", "o"],
        ["data", "rooms", "--frames", "1", "--size", "8", "--out", "o"],
        ["evaluate", "unet", "--data", "d", "--part", "tset"],
    ],
)
def test_bad_usage_ends_with_2(capsys, arguments):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_help_names_every_verb_and_imports_no_torch():
    code = (
        "import sys; from depth_models.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit as stop: assert stop.code == 0\n"
        "heavy = {'torch', 'cv2', 'rclpy', 'h5py', 'yaml', 'PIL'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert all(verb in run.stdout for verb in VERBS)


def test_the_package_runs_as_a_module():
    run = subprocess.run([sys.executable, "-m", "depth_models", "dance"], capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert "depth-models" in run.stderr
