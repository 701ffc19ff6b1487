"""Weights in fewer bits: levels, codes and signs of what is kept, and what stands for nothing."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from feedback.checkpoint import load_checkpoint
from feedback.errors import FeedbackInputError
from feedback.layers.binary import binary_weights
from feedback.weight_storage import packed, stored_bytes, unpacked
from tests.feedback.test_checkpoint import channels, network, rewrite, save_to


def test_levels_are_those_of_a_row_and_zeros_stay_zeros() -> None:
    matrix = torch.tensor([[1.27, -0.5, 0.004], [0.0, 0.0, 0.0], [-2.54, 2.53, 0.01]])
    kernels = {"large": torch.full((64, 32, 3, 3), 0.25), "small": torch.full((2, 8, 3, 3), 0.25)}
    state = {"fc": matrix, "bias": torch.tensor([0.1, 0.2, 0.3]), **kernels}
    tensors = packed(state, "int8")
    assert tensors["fc"].tolist() == [[127, -50, 0], [0, 0, 0], [-127, 126, 0]]
    assert torch.equal(tensors["fc/scales"], torch.tensor([0.01, 0, 0.02]))
    assert (tensors["large"] == 127).all()
    back = unpacked(tensors, "int8", state)
    assert list(back) == list(state)
    expected = torch.tensor([[1.27, -0.5, 0], [0, 0, 0], [-2.54, 2.52, 0]])
    torch.testing.assert_close(back["fc"], expected, rtol=1e-6, atol=0)
    torch.testing.assert_close(back["large"], kernels["large"], rtol=1e-6, atol=0)
    assert torch.equal(back["small"], kernels["small"])
    # One byte a weight, four a scale and each of the rest.
    assert stored_bytes(state, "int8") == (9 + 12 + 12 + 64 * 288 + 4 * 64 + 4 * 144,) * 2


def test_codes_are_of_levels_a_step_apart() -> None:
    # Their root mean square is sqrt((3^2 + 4^2 + 0 + 0) / 4) = 2.5, so that levels lie 0.625 apart.
    matrix = torch.tensor([[3.0, -4.0], [0.0, 0.0]])
    kernels = {"large": torch.full((64, 32, 3, 3), -0.25), "small": torch.full((2, 8, 3, 3), 0.25)}
    state = {"fc": matrix, "zeros": torch.zeros(3, 3), "bias": torch.tensor([0.1, 0.2]), **kernels}
    tensors = packed(state, "coded", step=0.25)
    assert float(tensors["fc/scale"]) == 0.625
    back = unpacked(tensors, "coded", state)
    assert sorted(back) == sorted(state)
    # 3 / 0.625 = 4.8 and 4 / 0.625 = 6.4.
    assert back["fc"].tolist() == [[5 * 0.625, -6 * 0.625], [0, 0]]
    assert all(torch.equal(back[name], state[name]) for name in ("zeros", "bias", "large", "small"))
    fewest, most = stored_bytes(state, "coded")
    assert fewest <= sum(tensor.nbytes for tensor in tensors.values()) <= most
    # What is all the same takes hardly a byte, and is filled up to one for 64 weights.
    assert tensors["large"].shape == (64 * 32 * 9 // 64,)


@pytest.mark.parametrize("name", ["bcsinet-b3", "bcrnet", "bacrnet-1x"])
def test_binary_layers_are_kept_as_signs_and_work_alike_to_the_last_bit(name: str, tmp_path: Path) -> None:
    trained, loaded = network(1, name=name), network(2, name=name)
    (weight,) = binary_weights(trained)
    bits = packed(trained.state(), "coded", binary_weights(trained))[weight]
    assert bits.numel() == trained.state()[weight].numel() / 8
    path, _ = save_to(tmp_path, trained, "coded")
    load_checkpoint(path, loaded)
    assert not torch.equal(loaded.state()[weight], trained.state()[weight])
    assert torch.equal(loaded.encode(channels()).values, trained.encode(channels()).values)


def _floats(tensors: dict[str, Tensor]) -> None:
    tensors["encoder.fc.weight"] = tensors["encoder.fc.weight"].float()


def _half_a_code(tensors: dict[str, Tensor]) -> None:
    tensors["encoder.fc.weight"] = tensors["encoder.fc.weight"][:40].clone()


def _noise(tensors: dict[str, Tensor]) -> None:
    tensors["encoder.fc.weight"][:] = 255


def _other_shape(tensors: dict[str, Tensor]) -> None:
    for part in ("", "/scale"):
        tensors["encoder.fc.weight" + part] = packed({"w": torch.ones(32, 64)}, "coded")["w" + part]


def _bomb(tensors: dict[str, Tensor]) -> None:
    tensors["encoder.fc.weight"] = packed({"w": torch.zeros(512, 512)}, "coded")["w"][:4096].clone()


def _no_distance(tensors: dict[str, Tensor]) -> None:
    del tensors["encoder.fc.weight/scale"]


def _nan_distance(tensors: dict[str, Tensor]) -> None:
    tensors["encoder.fc.weight/scale"].fill_(math.nan)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_half_a_code, "encoder.fc.weight: got a code of [0-9]+ levels, expected 4096"),
        (_noise, "encoder.fc.weight: corrupt input data, expected a code of levels"),
        (_other_shape, "encoder.fc.weight: got a code of 2048 levels, expected 4096"),
        (_bomb, "encoder.fc.weight: got a code of more levels, expected 4096"),
        (_no_distance, "encoder.fc.weight/scale is missing, expected the scale of encoder.fc.weight"),
        (_nan_distance, "encoder.fc.weight: got NaN or infinity"),
        (_floats, "encoder.fc.weight: got torch.float32, expected torch.uint8"),
    ],
)
def test_refuses_codes_that_stand_for_nothing(
    tmp_path: Path, damage: Callable[[dict[str, Tensor]], None], message: str
) -> None:
    path, _ = save_to(tmp_path, network(seed=1), "coded")
    tensors = load_file(path)
    damage(tensors)
    rewrite(path, tensors)
    with pytest.raises(FeedbackInputError, match=message) as refused:
        load_checkpoint(path, network())
    assert "\n" not in str(refused.value)


def _without_scales(tensors: dict[str, Tensor]) -> None:
    del tensors["encoder.fc.weight/scales"]


def _one_scale(tensors: dict[str, Tensor]) -> None:
    tensors["encoder.fc.weight/scales"] = torch.ones(1)


def _scales_alone(tensors: dict[str, Tensor]) -> None:
    del tensors["encoder.fc.weight"]


def _scales_of_nothing(tensors: dict[str, Tensor]) -> None:
    tensors["other/scales"] = torch.ones(1)


def _infinite_scale(tensors: dict[str, Tensor]) -> None:
    tensors["encoder.fc.weight/scales"][0] = math.inf


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_without_scales, "encoder.fc.weight/scales is missing, expected the scales of encoder.fc.weight"),
        (_one_scale, r"encoder.fc.weight/scales: got torch.float32 of shape \[1\], expected .* shape \[32\]"),
        (_scales_alone, "encoder.fc.weight is missing"),
        (_scales_of_nothing, "got other/scales, expected only"),
        (_infinite_scale, "encoder.fc.weight: got NaN or infinity"),
        (_floats, "encoder.fc.weight: got torch.float32, expected torch.int8"),
    ],
)
def test_refuses_levels_that_stand_for_nothing(
    tmp_path: Path, damage: Callable[[dict[str, Tensor]], None], message: str
) -> None:
    path, _ = save_to(tmp_path, network(seed=1), "int8")
    tensors = load_file(path)
    damage(tensors)
    rewrite(path, tensors)
    with pytest.raises(FeedbackInputError, match=message) as refused:
        load_checkpoint(path, network())
    assert "\n" not in str(refused.value)
