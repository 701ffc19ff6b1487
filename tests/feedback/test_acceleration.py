"""The compiled convolutions against PyTorch's in float64; what is left behind; what happens without a compiler."""

import copy
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from feedback.compressor import COMPRESSORS
from feedback.cpu_kernels import acceleration
from feedback.cpu_kernels.acceleration import accelerated, memory_kept
from feedback.cpu_kernels.build import compiled, kernels
from feedback.layers.basic import ConvBn, leaky_relu
from feedback.neural import NeuralCompressor
from tests.feedback.narrow_networks import NARROW

EPS = torch.finfo(torch.float32).eps
NEURAL = [name for name in sorted(COMPRESSORS.keys()) if issubclass(COMPRESSORS.get_class(name), NeuralCompressor)]

needs_compiler = pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc")


def images(*shape: int) -> Tensor:
    """Around 0.5 with deviation 0.1, as the networks see channels."""
    return 0.5 + 0.1 * torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def gradients(network: nn.Module, image: Tensor) -> tuple[Tensor, ...]:
    """Output; gradients of input and parameters of a sum with fixed random weights; running statistics."""
    image = image.detach().clone().requires_grad_()
    out = network(image)
    weights = torch.randn(out.shape, generator=torch.Generator().manual_seed(2)).to(out.dtype)
    found = torch.autograd.grad((out * weights).sum(), (image, *network.parameters()))
    return out.detach(), *found, *(buffer.clone() for buffer in network.buffers())


def relative_error(found: Tensor, expected: Tensor) -> float:
    expected = expected.double()
    return float((found.double() - expected).norm() / expected.norm().clamp_min(1e-30))


LAYERS = {
    "3x3": (ConvBn(2, 7, 3, leaky_relu()), (5, 2, 8, 32)),
    "1x9": (ConvBn(7, 4, (1, 9), nn.PReLU(4)), (5, 7, 8, 32)),
    "9x1, one slope": (ConvBn(5, 3, (9, 1), nn.PReLU()), (5, 5, 12, 16)),
    "7x7, groups, narrow": (ConvBn(6, 12, 7, nn.PReLU(12), groups=3), (3, 6, 5, 8)),
    "1x1, linear": (ConvBn(14, 1, 1), (4, 14, 8, 40)),
    "dilated, many channels": (ConvBn(20, 19, (1, 3), leaky_relu(), dilation=3), (17, 20, 1, 32)),
    "one image": (ConvBn(2, 2, 5, leaky_relu()), (1, 2, 8, 8)),
}


@needs_compiler
@pytest.mark.parametrize("case", LAYERS)
def test_layer_equals_pytorch(case: str) -> None:
    layer, shape = copy.deepcopy(LAYERS[case][0]), LAYERS[case][1]
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.rand(parameter.shape, generator=generator) - 0.3)
    expected = gradients(copy.deepcopy(layer).double(), images(*shape).double())
    with accelerated(layer):
        found = gradients(layer, images(*shape))
    # Rounding of sums of n terms grows as sqrt(n); the sums are over taps (at most 60 here), then, in 8 lanes, over
    # the pixels (at most 640). Batch norm takes off a mean that is up to 50 deviations, which multiplies the rounding
    # of z by as much. sqrt(60) x 50 x EPS = 5e-5. A wrong tap or a missing term is an error of order 1 / taps > 1e-2.
    for one, other in zip(found, expected, strict=True):
        assert relative_error(one, other) < 400 * EPS


@needs_compiler
@pytest.mark.parametrize("layer", [nn.Conv2d(3, 5, (3, 1), padding="same", dilation=2), ConvBn(2, 4, 3, bias=True)])
def test_bias_and_bare_convolution(layer: nn.Module) -> None:
    n_in = next(layer.parameters()).shape[1]
    layer = copy.deepcopy(layer)
    expected = gradients(copy.deepcopy(layer).double(), images(4, n_in, 8, 16).double())
    with accelerated(layer):
        found = gradients(layer, images(4, n_in, 8, 16))
    names = ["out", "image", *dict(layer.named_parameters()), *dict(layer.named_buffers())]
    for name, one, other in zip(names, found, expected, strict=True):
        if name == "conv.bias":
            # Batch norm cancels it: 0 but for rounding of a sum of 512 terms around 1.
            assert one.abs().max() == 0
            assert other.abs().max() < 1e-9
        else:
            assert relative_error(one, other) < 400 * EPS, name


@needs_compiler
@pytest.mark.parametrize("name", NEURAL)
def test_network_equals_pytorch(name: str) -> None:
    compressor_class = COMPRESSORS.get_class(name)
    keys = {"name": name, "compression_ratio": 8} | NARROW.get(name, {})
    compressor = compressor_class(compressor_class.Parameters.model_validate(keys), (8, 16))
    # Of networks over time, those of reports that stand alone.
    sides = (getattr(side, "alone", side) for side in (compressor.encoder, compressor.decoder))
    network = nn.Sequential(*sides).train()
    batch = images(6, 2, 8, 16)
    # Binary layers make their signs in the default dtype.
    torch.set_default_dtype(torch.float64)
    try:
        exact = gradients(copy.deepcopy(network).double(), batch.double())
    finally:
        torch.set_default_dtype(torch.float32)
    plain = gradients(copy.deepcopy(network), batch)
    with accelerated(network):
        found = gradients(network, batch)
    # As near to float64 as PyTorch's float32 is. Rounding moves some values across an activation's kink, and some
    # binary weights' sums, so single draws of the error vary; over a whole gradient they do so by less than 4, and
    # errors far below the rounding of one operation do not count.
    assert relative_error(found[0], exact[0]) < 4 * relative_error(plain[0], exact[0]) + EPS
    flat = [torch.cat([tensor.flatten().double() for tensor in tensors[1:]]) for tensors in (found, plain, exact)]
    assert relative_error(flat[0], flat[2]) < 4 * relative_error(flat[1], flat[2]) + EPS


@needs_compiler
def test_same_digits_whatever_the_threads() -> None:
    layer = ConvBn(3, 5, 3, leaky_relu())
    threads = torch.get_num_threads()
    runs = []
    try:
        for count in (1, 2, 3, 1):
            torch.set_num_threads(count)
            twin = copy.deepcopy(layer)
            with accelerated(twin):
                runs.append(gradients(twin, images(40, 3, 8, 8)))
    finally:
        torch.set_num_threads(threads)
    for run in runs[1:]:
        assert all(torch.equal(one, other) for one, other in zip(runs[0], run, strict=True))


@needs_compiler
def test_what_does_not_fit_runs_as_before() -> None:
    for layer, image in (
        (nn.Conv2d(2, 3, 3, padding=1), images(2, 2, 8, 8)),
        (nn.Conv2d(2, 3, (2, 1), padding=0), images(2, 2, 8, 8)),
        (ConvBn(2, 3, 3, nn.Sigmoid()), images(2, 2, 8, 12)),
        (ConvBn(2, 3, 3), images(2, 2, 8, 12)),
        (ConvBn(2, 3, 3).double(), images(2, 2, 8, 8).double()),
        (ConvBn(64, 64, 3), images(1, 64, 8, 8)),
    ):
        expected = gradients(copy.deepcopy(layer), image)
        with accelerated(layer):
            assert all(torch.equal(*pair) for pair in zip(gradients(layer, image), expected, strict=True))


@needs_compiler
def test_evaluation_mode_uses_running_statistics() -> None:
    layer = ConvBn(2, 3, 3, leaky_relu()).eval()
    expected = gradients(copy.deepcopy(layer).double(), images(2, 2, 8, 8).double())
    with accelerated(layer):
        found = gradients(layer, images(2, 2, 8, 8))
    for one, other in zip(found, expected, strict=True):
        assert relative_error(one, other) < 400 * EPS


@needs_compiler
@torch.no_grad()
def test_a_layer_that_is_exchanged_is_run() -> None:
    network, image = nn.Sequential(*(nn.Conv2d(2, 2, 3, padding="same") for _ in range(2))), images(2, 2, 8, 8)
    for place in (None, 0, 1):
        if place is not None:
            network[place] = nn.Conv2d(2, 2, 3, padding="same")
        with accelerated(network):
            found = network(image)
        # Sums of 18 products of float32.
        torch.testing.assert_close(found, network(image), rtol=1e-5, atol=1e-6)


@needs_compiler
def test_leaves_no_trace_and_copies_stand_alone() -> None:
    layer = ConvBn(2, 3, 3)
    with accelerated(layer):
        # What is found in a network, it keeps.
        pass
    before = {name: set(vars(part)) for name, part in layer.named_modules()}
    names = list(layer.state_dict())

    def copied_and_stopped() -> None:
        with accelerated(layer):
            assert list(layer.state_dict()) == names
            twin = copy.deepcopy(layer)
            nn.init.zeros_(twin.norm.weight)
            nn.init.constant_(twin.norm.bias, 3.0)
            assert torch.equal(twin(images(2, 2, 8, 8)), torch.full((2, 3, 8, 8), 3.0))
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        copied_and_stopped()
    assert {name: set(vars(part)) for name, part in layer.named_modules()} == before


@needs_compiler
def test_contexts_nest() -> None:
    layer = ConvBn(2, 3, 3)
    with accelerated(layer):
        outer = vars(layer)["forward"]
        with accelerated(layer, layer):
            assert vars(layer)["forward"] == outer
        assert vars(layer)["forward"] == outer
    assert "forward" not in vars(layer)


@pytest.fixture
def fresh_kernels() -> Iterator[None]:
    compiled.cache_clear()
    yield
    compiled.cache_clear()


@pytest.mark.usefixtures("fresh_kernels")
@pytest.mark.parametrize(
    ("script", "reason"), [(None, "no gcc was found"), ("echo 'disk is full' >&2; exit 1", "gcc failed: disk is full")]
)
def test_goes_on_without_a_compiler(
    script: str | None,
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    if script is not None:
        compiler = tmp_path / "gcc"
        compiler.write_text(f"#!/bin/sh\n{script}\n")
        compiler.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    layer = ConvBn(2, 3, 3)
    expected = gradients(copy.deepcopy(layer), images(2, 2, 8, 8))
    with accelerated(layer):
        found = gradients(layer, images(2, 2, 8, 8))
    assert [line.endswith(reason) for line in caplog.messages] == [True]
    assert all(torch.equal(*pair) for pair in zip(found, expected, strict=True))


@needs_compiler
@pytest.mark.usefixtures("fresh_kernels")
def test_compiles_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    kernels()
    libraries = list(tmp_path.rglob("*"))
    written = [path.stat().st_mtime_ns for path in libraries]
    assert [path.suffix for path in libraries if path.is_file()] == [".so"]
    compiled.cache_clear()
    kernels()
    assert [path.stat().st_mtime_ns for path in tmp_path.rglob("*")] == written


@needs_compiler
@pytest.mark.usefixtures("fresh_kernels")
def test_works_without_a_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert compiled() is not None


def test_the_outermost_gives_kept_memory_back(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    allocator = SimpleNamespace(mallopt=lambda *_: asked.append("option"), malloc_trim=lambda _: asked.append("trim"))
    monkeypatch.setattr(acceleration.ctypes, "CDLL", lambda _: allocator)
    monkeypatch.setattr(acceleration, "_memory_is_kept", False)
    with memory_kept():
        before = asked.copy()
        with memory_kept():
            pass
        assert asked == before
    assert asked[-1] == "trim"
