"""What was compiled for another GPU or version is never run: it is compiled again, or refused with the reason."""

import contextlib
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from depth_models import DepthModelsError, Preprocess
from depth_models.backends import TensorRT
from depth_models.backends.compiled import CompiledBackend

CHECKPOINT = SimpleNamespace(
    network="unet", digest="weights", preprocess=Preprocess(32, 32, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
)


class OnAGpu(CompiledBackend):
    """Its file names the GPU and the version that it was built for."""

    name, package, gpu, runtime = "on-a-gpu", "json", "H100, driver 1", "1.0"

    @classmethod
    def identity(cls, device):
        return cls.gpu

    @classmethod
    def version(cls):
        return cls.runtime

    @classmethod
    def build(cls, checkpoint, folder, device, precision, calibration):
        (folder / "engine").write_text(f"{cls.gpu}, {cls.runtime}")

    @classmethod
    def checked(cls, *_):
        return {}

    @classmethod
    def open(cls, folder, device, precision, threads):
        return (folder / "engine").read_text()

    def __call__(self, canvases):
        return np.zeros(0)


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("DEPTH_MODELS_CACHE", str(tmp_path))


@pytest.mark.parametrize(("what", "value"), [("gpu", "Orin, driver 1"), ("gpu", "H100, driver 2"), ("runtime", "1.1")])
def test_an_engine_of_another_gpu_or_version_is_not_taken_from_the_cache(what, value, monkeypatch):
    assert OnAGpu.load(CHECKPOINT, "cuda:0", "fp16", None) == "H100, driver 1, 1.0"
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(OnAGpu, what, value)
        assert OnAGpu.load(CHECKPOINT, "cuda:0", "fp16", None) == f"{OnAGpu.gpu}, {OnAGpu.runtime}"
    monkeypatch.setattr(OnAGpu, "build", lambda *_: pytest.fail("it was there already"))
    assert OnAGpu.load(CHECKPOINT, "cuda:0", "fp16", None) == "H100, driver 1, 1.0"


class FakeTensorRT:
    """As far as a foreign engine gets."""

    __version__ = "10.0"

    class Logger:
        ERROR = 0

        def __init__(self, level):
            pass

    class Runtime:
        def __init__(self, logger):
            pass

        def deserialize_cuda_engine(self, content):
            return None


def test_an_engine_that_tensorrt_does_not_take_is_refused_with_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tensorrt", FakeTensorRT)
    monkeypatch.setattr("torch.cuda.device", lambda device: contextlib.nullcontext())
    monkeypatch.setattr("depth_models.backends.tensor_rt.gpu_identity", lambda device: "H100")
    path = tmp_path / "model.engine"
    path.write_bytes(b"of another GPU")
    with pytest.raises(DepthModelsError, match=r"is not an engine of TensorRT 10.0 for H100; build it again"):
        TensorRT(path, "cuda:0")
