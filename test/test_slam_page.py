"""The SLAM benchmark's vocabulary, and the page that it writes."""

import json

import numpy as np
import pytest
import slam_modules
from PIL import Image

pytest.importorskip("matplotlib")
pytest.importorskip("embreex")

slam = pytest.fixture(scope="module", name="slam")(slam_modules.modules)


def test_a_vocabulary_holds_planted_words_with_their_rarity(slam):
    """Sixty noisy copies of each of twelve descriptors, of which each picture has all but the last, it only one has."""
    rng = np.random.default_rng(0)
    words = rng.integers(0, 2, (12, 256), np.uint8)
    noise = rng.random((6, 60, 12, 256)) < 0.03
    bits = words ^ noise
    pictures = [np.packbits(bits[p][:, : 12 if p == 0 else 11].reshape(-1, 256), axis=1) for p in range(6)]
    header, *lines = slam.vocabulary.learn(pictures).split("\n")
    assert header == "10 6 0 0"
    nodes = [line.split() for line in lines]
    assert all(len(node) == 35 and int(node[0]) <= n for n, node in enumerate(nodes))  # parents come first
    parents = {int(node[0]) for node in nodes}
    for number, node in enumerate(nodes, start=1):
        assert (number in parents) == (node[1] == "0"), "a leaf has no children, and all others have"
    descriptors = np.array([[int(v) for v in node[2:34]] for node in nodes], np.uint8)
    weights = np.array([float(node[34]) for node in nodes])

    def leaf(word):
        node = 0
        while node in parents:
            children = [n for n, entry in enumerate(nodes, start=1) if int(entry[0]) == node]
            node = min(children, key=lambda n: np.unpackbits(descriptors[n - 1] ^ np.packbits(word)).sum())
        return node - 1

    rare = leaf(words[11])
    assert np.unpackbits(descriptors[rare] ^ np.packbits(words[11])).sum() < 20
    assert weights[rare] > np.log(2), "the word of one picture tells more than those of all"


SCORE = {"tracked": 1.0, "path_m": 4.0, "scale": 1.1}


def score(ate_m, **other):
    errors = {"ate_m": ate_m, "rpe": 0.05, "positions": [[0, 0, 0], [1, 1, 0]]}
    return SCORE | {"rigid": errors, "scaled": errors} | other


LOST = {"tracked": 0.2, "lost": "it hung"}


def test_a_lost_run_counts_as_infinite_error_never_as_none(slam):
    medians = slam.page.figures({"room": {"raw": [score(0.4), LOST, score(0.2)], "constant": [LOST, score(0.2), LOST]}})
    raw, constant = medians["room"]["raw"], medians["room"]["constant"]
    assert raw["rigid"] == pytest.approx(0.1)  # the larger of two
    assert raw["lost"] == pytest.approx(1 / 3)
    assert raw["scale"] == 1.1
    assert constant["rigid"] == float("inf")
    assert constant["tracked"] == 0.2


def test_the_page_keeps_what_stands_around_its_tables(slam, tmp_path):
    folder = tmp_path / "room"
    folder.mkdir()
    (folder / "groundtruth.txt").write_text("0 0 0 0 0 0 0 1\n1 1 0 0 0 0 0 1\n")
    runs = {variant.name: [score(0.2)] for variant in slam.variants.VARIANTS} | {"constant": [LOST]}
    path = tmp_path / "slam.md"
    path.write_text(f"# SLAM\n{slam.page.BEGIN}old{slam.page.END}\nafter\n")
    for _ in range(2):
        slam.page.write(path, {"room": runs}, [folder])
    text = path.read_text()
    assert text.startswith(f"# SLAM\n{slam.page.BEGIN}\n")
    assert text.endswith(f"{slam.page.END}\nafter\n")
    assert "old" not in text
    assert "| true depth | 5.0% | 5.0% | 5.0% | 1.10 to 1.10 | 100.0% | 0% |" in text
    assert "| constant | lost | lost | lost |  | 20.0% | 100% |" in text
    assert "| room | 5.0% | lost | 5.0% |" in text
    assert np.asarray(Image.open(tmp_path / "slam.png")).ndim == 3
    figures = json.loads((tmp_path / "slam.json").read_text())["room"]
    assert (figures["raw"]["rigid"], figures["constant"]["rigid"]) == (0.05, None)
