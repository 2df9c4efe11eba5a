"""The paper's experiments from the command to the report, on planes, with the smallest networks."""

import json
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("h5py")
pytest.importorskip("matplotlib")

from depth_models import DepthModelsError
from depth_models.cli import main
from depth_models.experiments.execution import experiment
from depth_models.experiments.plan import runs_of
from depth_models.experiments.probe import Speed, probe_on
from depth_models.experiments.report import write_report
from depth_models.experiments.sizes import Size, configuration

BUDGET_S = 30.0


def slow(config):
    """A machine on which the budget allows hardly more than a few steps of the smallest networks."""
    return Speed(start_s=0.0, step_s=0.02, epoch_s=0.02, spent_s=0.0)


def never(config):
    pytest.fail("a plan that is there is not made anew")


KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[3])
from test_experiments import BUDGET_S, Path, experiment
from depth_models.experiments import shares
from depth_models.experiments.probe import Speed

shares.FEWEST_EPOCHS, shares.FEWEST_FRAMES = 2, 16  # a test needs not learn anything

def progress(doing, done_s, all_s):
    if doing.startswith("baseline-smooth_l1-plain") and done_s > 0.3 * all_s:
        os.kill(os.getpid(), signal.SIGKILL)

experiment("ablations", Path(sys.argv[1]), Path(sys.argv[2]), BUDGET_S, progress=progress,
           probe=lambda config: Speed(0.0, 0.5, 0.5, 0.0))
"""


@pytest.fixture(scope="module")
def stopped(planes, tmp_path_factory):
    """Ablations that were killed in their second run, and what the first run had left; then gone on with."""
    out = tmp_path_factory.mktemp("ablations")
    here = str(Path(__file__).parent)
    command = [sys.executable, "-c", KILLED, str(planes), str(out), here]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == -signal.SIGKILL, done.stderr
    first = times(out / "runs" / "baseline-smooth_l1")
    half = (out / "runs" / "baseline-smooth_l1-plain" / "log.jsonl").read_text().splitlines()
    told: list[str] = []
    results = experiment(
        "ablations", planes, out, BUDGET_S, command="depth-models experiment ablations",
        progress=lambda doing, done_s, all_s: told.append(doing), probe=never,
    )  # fmt: skip
    return out, results, first, half, told


def times(folder):
    """When what was computed was written."""
    computed = (".safetensors", ".pt", ".json", ".png")
    return {p.name: p.stat().st_mtime_ns for p in folder.iterdir() if p.suffix in computed and p.name != "split.json"}


def test_a_killed_experiment_goes_on_and_repeats_no_finished_run(stopped):
    out, results, first, half, told = stopped
    assert times(out / "runs" / "baseline-smooth_l1") == first
    whole = (out / "runs" / "baseline-smooth_l1-plain" / "log.jsonl").read_text().splitlines()
    assert 0 < len(half) < len(whole)
    assert told.count("baseline-smooth_l1 (1 of 4)") == 1  # its name, and no step of it
    assert told.count("multiscale-smooth_l1 (3 of 4)") > 2
    assert [run["name"] for run in results["runs"]] == [run.name for run in runs_of("ablations")]


def test_a_finished_experiment_computes_nothing_again(stopped, planes):
    out, results, *_ = stopped
    before = times(out / "numbers") | times(out / "figures")
    again = experiment("ablations", planes, out, BUDGET_S, command="depth-models experiment ablations", probe=never)
    assert times(out / "numbers") | times(out / "figures") == before
    assert again == results


def test_every_ablation_has_its_number_and_its_verdict(stopped):
    ablations = stopped[1]["ablations"]
    assert set(ablations["position_prior"]) == {"baseline-smooth_l1-plain", "baseline-smooth_l1"}
    assert set(ablations["spread"]) == {"multiscale-smooth_l1-fine", "multiscale-smooth_l1"}
    assert len(ablations["findings"]) == 3
    assert {f["verdict"] for f in ablations["findings"]} == {"not decidable"}
    reason = " has only 8 frames to validate or to test on, and a verdict takes 24. "
    runs = ["baseline-smooth_l1-plain", "multiscale-smooth_l1", "multiscale-smooth_l1"]
    for run, finding in zip(runs, ablations["findings"], strict=True):
        assert finding["because"].startswith(run + reason)
    assert all(re.search(r"\d", f["because"]) for f in ablations["findings"])


def assert_reported(results, out):
    """Both pages hold every run, finding and picture; the HTML one needs no other file."""
    html, markdown = (Path(results["files"][kind]).read_text() for kind in ("html", "markdown"))
    for run in results["runs"]:
        for page in (html, markdown):
            assert f"Configuration of {run['name']}" in page
    for name in ("losses", "ablations"):
        for finding in results.get(name, {"findings": []})["findings"]:
            assert finding["claim"] in html
            assert f"**{finding['verdict']}**: {finding['claim']} {finding['because']}" in markdown
    assert html.count("data:image/png;base64,") == len(results["figures"]) == len(list((out / "figures").iterdir()))
    assert not re.search(r'(src|href)="(?!data:)', html)
    for picture in results["figures"]:
        assert f"({picture['file']})" in markdown
        assert (out / picture["file"]).read_bytes()[:4] == b"\x89PNG"
    assert results["command"] in html
    used = results["used_min"]
    assert f"Budget 0.5 min; it took {sum(used.values()):.1f} min (measuring {used['measuring']:.1f}, " in markdown
    assert "canvas 32x48 instead of 480x640" in html
    assert json.loads((out / "results.json").read_text()) == results


def test_the_report_is_whole(stopped):
    out, results, *_ = stopped
    assert_reported(results, out)
    assert "synthetic rooms" not in Path(results["files"]["html"]).read_text()


def test_on_rooms_every_title_and_caption_says_so(stopped, tmp_path):
    out, results, *_ = stopped
    (tmp_path / "figures").symlink_to(out / "figures")
    files = write_report(results | {"rooms": True}, tmp_path)["files"]
    html, markdown = Path(files["html"]).read_text(), Path(files["markdown"]).read_text()
    titles = re.findall(r"<(?:title|h1|caption|figcaption)>([^<]*)", html)
    assert len(titles) > 6
    assert [t for t in titles if "synthetic rooms" not in t] == ["Environment."]
    captions = re.findall(r"^\*([^*].*)\*$", markdown, re.M)
    assert [c for c in captions if "synthetic rooms" not in c] == ["Environment."]


def test_the_command_prints_one_json_document(stopped, planes, capsys):
    out, results, *_ = stopped
    arguments = ["experiment", "ablations", "--data", str(planes), "--out", str(out), "--budget", "0.5"]
    assert main([*arguments, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["ablations"] == results["ablations"]
    assert printed["command"].startswith("depth-models experiment ablations --data")
    assert main(arguments) == 0
    assert capsys.readouterr().out.split() == list(results["files"].values())
    assert main([*arguments, "--seed", "1"]) == 1
    assert "holds an experiment of seed 0, not 1" in capsys.readouterr().err


def test_bad_requests_are_refused_before_anything_is_written(planes, tmp_path, capsys):
    out = tmp_path / "out"
    wanted = ["--data", str(planes), "--out", str(out)]
    assert main(["experiment", "table2", *wanted, "--budget", "1"]) == 1
    assert "unknown experiment 'table2'; known: losses, table1, ablations, figures, all" in capsys.readouterr().err
    assert main(["experiment", "all", *wanted, "--budget", "1", "--split", "paper"]) == 1
    assert "1449" in capsys.readouterr().err
    with pytest.raises(SystemExit) as usage:
        main(["experiment", "all", *wanted, "--budget", "0"])
    assert usage.value.code == 2
    with pytest.raises(DepthModelsError, match=r"the budget of 0\.017 min is too small"):
        experiment("all", planes, out, 1.0, probe=slow)
    assert not out.exists()


def test_data_without_a_test_part_is_refused(few_planes, tmp_path):
    with pytest.raises(DepthModelsError, match="has 0 frames in its part 'test'"):
        experiment("table1", few_planes(9), tmp_path, BUDGET_S, probe=slow)


def test_a_probe_measures_steps_and_leaves_nothing(planes, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    config = replace(configuration("multiscale", Size((32, 48))), split="scene/4")  # four steps
    speed = probe_on(planes)(config)
    assert speed.step_s > 0
    assert speed.epoch_s > 0
    assert speed.start_s + speed.step_s + speed.epoch_s <= speed.spent_s
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_all_experiments_in_one_report(planes, tmp_path):
    results = experiment("all", planes, tmp_path, BUDGET_S, probe=slow)
    assert_reported(results, tmp_path)
    assert {run["name"] for run in results["runs"]} == {run.name for run in runs_of("all")}
    assert {(row["network"], row["loss"]) for row in results["losses"]["rows"]} == {
        (run.network, run.loss) for run in runs_of("losses")
    }
    for row in results["table1"]["rows"].values():
        measured = row["measured"]
        assert row["frames"] == 8
        assert measured["l2"] >= measured["l1"] ** 2 * 0.999  # what the published rows are not
        assert measured["smooth_l1"] <= measured["l2"] / 4 * 1.001
    names = [Path(picture["file"]).stem for picture in results["figures"]]
    assert names == ["losses", "position-prior", "figure5", "figure6", "figure7", "figure8", "figure9", "figure10"]


@pytest.mark.slow
def test_two_minutes_are_enough_for_a_real_table_of_planes(planes, tmp_path, capsys):
    arguments = ["experiment", "table1", "--data", str(planes), "--out", str(tmp_path), "--budget", "2", "--json"]
    assert main(arguments) == 0
    assert set(json.loads(capsys.readouterr().out)["table1"]["rows"]) == {"baseline", "unet", "fpn", "multiscale"}
