"""Crops against NYU's mask and the pixels that they hold."""

import numpy as np
import pytest

from depth_models import DepthModelsError
from depth_models.data.nyu import NYU_CONTENT
from depth_models.protocols import PROTOCOLS, find_protocol


@pytest.mark.parametrize(
    ("name", "first", "last", "pixels"),
    [
        ("whole", (0, 0), (479, 639), 480 * 640),
        ("eigen", (45, 41), (470, 600), 426 * 560),
        ("toolbox", (44, 40), (470, 600), 427 * 561),
        ("eigen-output", (20, 24), (458, 614), 439 * 591),
    ],
)
def test_a_crop_holds_these_pixels_and_no_others(name, first, last, pixels):
    inside = np.zeros((480, 640), bool)
    inside[find_protocol(name).region(480, 640)] = True
    rows, columns = np.nonzero(inside)
    assert (rows.min(), columns.min()) == first
    assert (rows.max(), columns.max()) == last
    assert inside.sum() == pixels


def test_the_toolboxs_mask_is_matlabs_45_to_471_and_41_to_601_and_what_training_takes_as_content():
    matlab = np.zeros((481, 641), bool)  # whose first row and column do not exist
    matlab[45 : 471 + 1, 41 : 601 + 1] = True
    inside = np.zeros((480, 640), bool)
    inside[PROTOCOLS["toolbox"].region(480, 640)] = True
    np.testing.assert_array_equal(inside, matlab[1:, 1:])
    assert PROTOCOLS["toolbox"].crop == NYU_CONTENT


@pytest.mark.parametrize("name", ["eigen", "toolbox", "eigen-output"])
@pytest.mark.parametrize("size", [(240, 320), (640, 480), (480, 641)])
def test_a_crop_of_frames_of_another_size_is_refused(name, size):
    with pytest.raises(DepthModelsError, match=f"480x640 pixels, and this one has {size[0]}x{size[1]}; .*'whole'"):
        PROTOCOLS[name].region(*size)


def test_the_whole_of_a_frame_of_any_size_can_be_taken():
    assert np.ones((7, 9))[PROTOCOLS["whole"].region(7, 9)].size == 63


def test_an_unknown_protocol_is_refused_with_the_known_ones():
    with pytest.raises(DepthModelsError, match="unknown protocol 'garg'; known protocols: whole, eigen, toolbox"):
        find_protocol("garg")
