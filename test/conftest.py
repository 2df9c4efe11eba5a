"""What several test files need."""

import pytest


@pytest.fixture(scope="session")
def weights(tmp_path_factory) -> str:
    """Path of a small checkpoint with random weights."""
    from depth_models import Checkpoint, Preprocess, create_network

    network = create_network("unet", encoder="resnet18", decoder_channels=(32, 16, 16, 8, 8))
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    Checkpoint.of(network, Preprocess(64, 96, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25), focal_px=40.0)).save(path)
    return str(path)
