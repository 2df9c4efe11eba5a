"""How a budget of time becomes runs."""

import re
from dataclasses import replace

import pytest

from depth_models import DepthModelsError
from depth_models.config import TrainConfig
from depth_models.data.splits import make_split
from depth_models.experiments.plan import Plan, Request, Run, runs_of
from depth_models.experiments.planning import LATEST_PART, TRAINING_PART, make_plan, shortened
from depth_models.experiments.probe import Speed
from depth_models.experiments.sizes import Size, canvases, changes, configuration
from depth_models.networks import create_network

PARTS = {"train": 960, "val": 240, "test": 249}
FRAME = (480, 640)


def machine(factor=1.0, probes=None):
    """A probe whose steps cost by canvas and encoder, without training."""
    cost = {"resnet152": 4.0, "resnext101_32x8d": 6.0, "efficientnet_lite0": 1.0, "resnet18": 1.0}

    def probe(config):
        if probes is not None:
            probes.append(config)
        pixels = config.preprocess.height * config.preprocess.width
        step = factor * config.batch_size * pixels * 1e-6 * cost.get(config.options.get("encoder"), 10.0)
        return Speed(start_s=factor * 0.1, step_s=step, epoch_s=3 * step, spent_s=factor)

    return probe


def plan(experiment="all", budget_s=3600.0, factor=1.0, obtainable=lambda encoder: True, frame=FRAME, **parts):
    request = Request(experiment, {"file": "x.mat", "frames": 1449}, "scene", budget_s, 3)
    return make_plan(request, PARTS | parts, frame, machine(factor), obtainable)


def of(made, network):
    return [planned for planned in made.runs if planned.run.network == network]


def test_all_is_every_run_of_every_experiment_once():
    runs = [run.name for run in runs_of("all")]
    assert len(runs) == len(set(runs)) == 14
    assert set(runs) == {run.name for name in ("losses", "table1", "ablations", "figures") for run in runs_of(name)}
    assert [run.name for run in runs_of("ablations")] == [
        "baseline-smooth_l1", "baseline-smooth_l1-plain", "multiscale-smooth_l1", "multiscale-smooth_l1-fine"
    ]  # fmt: skip
    with pytest.raises(DepthModelsError, match="unknown experiment 'table2'; known: losses, table1"):
        runs_of("table2")


@pytest.mark.parametrize("budget_s", [60.0, 600.0, 3600.0, 36000.0])
def test_the_runs_fit_their_part_of_the_budget_and_no_network_is_starved(budget_s):
    made = plan(budget_s=budget_s, factor=0.05)
    assert sum(planned.seconds for planned in made.runs) <= TRAINING_PART * budget_s
    share = TRAINING_PART * budget_s / len(made.runs)
    for planned in made.runs:  # below its share only what is too coarse to fill, or complete
        complete = (
            planned.config.epochs == TrainConfig.load(planned.run.network).epochs and planned.frames["train"] == 960
        )
        assert complete or planned.seconds > 0.5 * share


def test_planned_seconds_are_steps_times_their_cost():
    for planned in plan().runs:
        speed = machine()(planned.config)
        steps = planned.frames["train"] // planned.config.batch_size
        end_s = speed.epoch_s * planned.frames["val"] / 35  # every seventh of 240 is what a probe validates
        assert planned.seconds == pytest.approx(0.1 + planned.config.epochs * (steps * speed.step_s + end_s))


def test_what_a_fast_network_leaves_over_goes_to_the_slower_ones():
    made = plan("table1", budget_s=36000.0, factor=0.3)
    seconds = {planned.run.network: planned.seconds for planned in made.runs}
    share = TRAINING_PART * 36000.0 / 4
    assert of(made, "baseline")[0].cuts == ()
    assert seconds["baseline"] < 0.5 * share
    assert max(seconds.values()) > 1.1 * share


def test_runs_of_a_network_differ_only_in_what_is_compared():
    made = plan()
    for network in ("baseline", "multiscale", "unet"):
        runs = of(made, network)
        assert len({(p.config.epochs, p.config.split, p.config.preprocess, p.seconds) for p in runs}) == 1
        assert {tuple(p.config.loss) for p in runs} == {("l1",), ("l2",), ("smooth_l1",)}
        assert all(p.config.seed == 3 for p in runs)
    plain = next(p for p in made.runs if not p.run.augmented).config.augmentation
    assert (plain.rotation_p, plain.flip_p, plain.grey_p) == (0, 0, 0)
    fine = next(p for p in made.runs if not p.run.coarse).config.options
    assert fine["coarse"] is False
    assert fine["input_size"] == of(made, "multiscale")[0].config.options["input_size"]


def test_a_budget_without_bounds_is_the_paper_itself():
    made = plan(budget_s=1e7)
    for planned in made.runs:
        assert planned.cuts == ()
        assert planned.config.optimisation == TrainConfig.load(planned.run.network).optimisation
    assert {p.run.network: p.config.epochs for p in made.runs} == {
        "baseline": 20,
        "unet": 30,
        "fpn": 30,
        "multiscale": 20,
    }
    assert (made.test_step, made.notes) == (1, ())


def test_what_is_cut_is_said():
    made = plan(budget_s=300.0, factor=0.2)
    (unet, *_) = of(made, "unet")
    text = "; ".join(unet.cuts)
    pre = unet.config.preprocess
    assert f"canvas {pre.height}x{pre.width} instead of 480x640" in text
    assert f"training frames {unet.frames['train']} instead of 960" in text
    assert f"epochs {unet.config.epochs} instead of 30" in text
    assert "batch 4 instead of 1" in text
    assert "learning rate 0.001 instead of 0.0001" in text
    assert made.test_step == 1
    assert plan(budget_s=60.0, factor=0.2).test_step > 1


def test_an_encoder_whose_weights_cannot_be_had_is_replaced_and_it_is_said():
    made = plan(budget_s=1e7, obtainable=lambda encoder: False)
    assert {p.config.options.get("encoder") for p in made.runs} == {"efficientnet_lite0", None}
    assert any("unet: the paper's encoder resnet152" in note for note in made.notes)
    assert "encoder efficientnet_lite0 instead of resnet152" in of(made, "unet")[0].cuts
    assert of(made, "unet")[0].config.preprocess.mean == (0.5, 0.5, 0.5)  # as these weights were trained


def test_no_probe_is_much_slower_than_what_fits():
    probes = []
    request = Request("all", {}, "scene", 60.0, 0)
    make_plan(request, PARTS, FRAME, machine(0.05, probes), lambda encoder: True)
    slowest = max(machine(0.05)(config).step_s for config in probes)
    assert slowest < 60.0 / 14
    assert all(config.options.get("encoder_weights") is None for config in probes)
    assert len(probes) == len({repr(config) for config in probes})  # nothing is measured twice


@pytest.mark.parametrize("budget_s", [40.0, 60.0, 600.0])
def test_no_budget_takes_the_frames_and_epochs_that_a_verdict_needs(budget_s):
    for planned in plan(budget_s=budget_s, factor=0.2).runs:
        assert planned.frames["train"] >= 32
        assert planned.frames["val"] >= 32
        assert planned.config.epochs >= 12
    for planned in plan(budget_s=budget_s, factor=0.2, val=20).runs:
        assert planned.frames["val"] == 20  # all that there are


def test_frames_are_cut_before_the_canvas_goes_below_64_rows_and_epochs_last():
    rows = {budget_s: of(plan(budget_s=budget_s, factor=0.2), "multiscale")[0] for budget_s in (25.0, 50.0, 200.0)}
    smallest, small, good = ((p.config.preprocess.height, p.config.epochs) for p in rows.values())
    assert smallest[0] == small[0] == 32
    assert 6 <= smallest[1] < small[1] == good[1] == 12
    assert good[0] == 64
    assert rows[25.0].frames["train"] == 32
    assert rows[200.0].frames["train"] < 128  # what a larger canvas would need


def test_where_not_even_the_smallest_runs_fit_the_dearest_networks_losses_go_first():
    whole, fewer = plan(budget_s=8.0, factor=0.2), plan(budget_s=6.0, factor=0.2)
    missing = {p.run.name for p in whole.runs} - {p.run.name for p in fewer.runs}
    assert len(whole.runs) == 14
    assert missing == {"multiscale-l1", "multiscale-l2"}
    assert fewer.notes == (
        "multiscale: its runs with l1 and l2 were dropped, as not even the smallest fit the budget.",
    )


def test_a_budget_that_is_too_small_is_refused_with_one_that_is_not():
    with pytest.raises(DepthModelsError, match=r"budget of 0.033 min is too small: .*; give --budget \S+ or") as error:
        plan(budget_s=2.0, factor=0.2)
    enough_min = float(re.search(r"--budget (\S+)", str(error.value))[1])
    assert len(plan(budget_s=60 * enough_min, factor=0.2).runs) < 14


@pytest.mark.parametrize(("part", "fewest"), [("train", 16), ("val", 1), ("test", 1)])
def test_a_split_with_too_few_frames_in_a_part_is_refused(part, fewest):
    with pytest.raises(DepthModelsError, match=f"has {fewest - 1} frames in its part '{part}', and it takes {fewest}"):
        plan(**{part: fewest - 1})


def test_a_machine_that_becomes_slower_shortens_the_networks_to_come():
    made = plan(budget_s=600.0, factor=0.2)
    networks = list(dict.fromkeys(planned.run.network for planned in made.runs))
    first = {planned.run.name: planned.seconds for planned in of(made, networks[0])}
    assert shortened(made, {}, 960) is made
    assert shortened(made, first, 960) is made
    slow = {name: 1.5 * seconds for name, seconds in first.items()}
    less = shortened(made, slow, 960)
    assert of(less, networks[0]) == of(made, networks[0])
    for before, after in zip(made.runs, less.runs, strict=True):
        if before.run.network != networks[0]:
            assert 6 <= after.config.epochs < before.config.epochs
            assert f"epochs {after.config.epochs} instead of" in "; ".join(after.cuts)
    rest_s = 1.5 * sum(planned.seconds for planned in less.runs if planned.run.network != networks[0])
    assert sum(slow.values()) + rest_s <= LATEST_PART * (600.0 - made.probing_s)
    assert less.notes[-1].endswith("fewer epochs than planned, as runs before took 1.5 times as long as was measured.")
    assert shortened(less, slow, 960) == less


def test_a_run_is_never_shortened_below_the_fewest_epochs():
    made = plan(budget_s=600.0, factor=0.2)
    took = {planned.run.name: 20 * planned.seconds for planned in of(made, "baseline")}
    less = shortened(made, took, 960)
    assert {planned.config.epochs for planned in less.runs if planned.run.network != "baseline"} == {6}


def test_a_plan_is_the_same_when_read_and_is_for_its_request_only(tmp_path):
    made = plan()
    assert plan() == made
    made.save(tmp_path / "plan.json")
    assert Plan.load(tmp_path / "plan.json", made.request) == made
    with pytest.raises(DepthModelsError, match=r"holds an experiment of budget_s 3600.0, not 60.0; .* --out"):
        Plan.load(tmp_path / "plan.json", replace(made.request, budget_s=60.0))
    (tmp_path / "plan.json").write_text('{"request": {}}')
    with pytest.raises(DepthModelsError, match="not a plan of an experiment"):
        Plan.load(tmp_path / "plan.json", made.request)


def test_canvases_are_halves_that_every_network_takes():
    assert canvases((480, 640)) == [(480, 640), (240, 320), (128, 160), (64, 80), (32, 48)]
    assert canvases((120, 160)) == [(128, 160), (64, 80), (32, 48)]  # nothing is enlarged
    assert canvases((960, 1280))[0] == (480, 640)
    assert canvases((32, 48)) == [(32, 48)]
    assert canvases((20, 20)) == [(32, 32)]


@pytest.mark.parametrize("network", ["baseline", "unet", "fpn", "multiscale"])
def test_the_papers_size_is_the_papers_network_and_small_ones_can_be_built(network):
    paper = TrainConfig.load(network)
    encoder = {"baseline": "resnet18", "unet": "resnet152", "fpn": "resnext101_32x8d"}.get(network, "")
    whole = configuration(network, Size((480, 640), encoder))
    assert changes(whole, 960, 960) == []
    assert whole.preprocess == paper.preprocess
    assert whole.options.get("encoder_weights") == paper.options.get("encoder_weights")
    if network == "baseline":
        assert (whole.options["map_size"], whole.options["hidden"]) == ([160, 240], [512, 512, 128, 4800])
    small = configuration(network, Size((64, 80), encoder and "efficientnet_lite0"), pretrained=False)
    assert small.preprocess.focal_px == pytest.approx(519.2 / 8)
    create_network(network, **small.options)


def test_a_thinned_split_has_every_kth_frame_and_enough_of_them_to_validate_and_test():
    scenes = [f"room_{i // 4}" for i in range(120)]
    whole, third = make_split("scene", scenes), make_split("scene/3", scenes)
    assert (third.train, third.val, third.test) == (whole.train[::3], whole.val, whole.test)  # 12 frames each
    scenes = [f"room_{i // 14}" for i in range(700)]
    whole, third = make_split("scene", scenes), make_split("scene/3", scenes)
    assert (third.train, third.val, third.test) == (whole.train[::3], whole.val[::2], whole.test[::2])  # 70, so 35
    assert make_split("scene/2", scenes).val == whole.val[::2]
    assert make_split("scene/1", scenes) == whole
    for wrong in ("scene/0", "scene/x", "scene/", "scen/2"):
        with pytest.raises(DepthModelsError, match="unknown split"):
            make_split(wrong, scenes)


def test_names_of_runs_tell_them_apart():
    assert Run("fpn").name == "fpn-smooth_l1"
