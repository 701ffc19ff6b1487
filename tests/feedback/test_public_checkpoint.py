"""Checkpoints as the papers' repositories write them: the same output, and one line for what is no such file."""

from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from feedback.compressor import COMPRESSORS
from feedback.errors import FeedbackInputError
from feedback.neural import NeuralCompressor

SHAPE = (32, 32)
RATIO = 64
LENGTH = 2 * 32 * 32 // RATIO


class Weights:
    """A state dict with the names of a repository, and its layers as plain functions of images [2, angle, delay]."""

    def __init__(self) -> None:
        self.tensors: dict[str, Tensor] = OrderedDict()
        self.generator = torch.Generator().manual_seed(4)

    def draw(self, name: str, *shape: int, size: float = 0.3) -> Tensor:
        if name not in self.tensors:
            drawn = size * torch.randn(shape, generator=self.generator)
            self.tensors[name] = drawn.abs() + 0.1 if name.endswith("running_var") else drawn
        return self.tensors[name]

    def conv_bn(self, image: Tensor, name: str, n_out: int, kernel: Any, groups: int = 1, conv: str = "conv") -> Tensor:
        height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
        weight = self.draw(f"{name}.{conv}.weight", n_out, image.shape[1] // groups, height, width)
        made = functional.conv2d(image, weight, padding=(height // 2, width // 2), groups=groups)
        variance = self.draw(f"{name}.bn.running_var", n_out)
        mean = self.draw(f"{name}.bn.running_mean", n_out)
        self.tensors[f"{name}.bn.num_batches_tracked"] = torch.tensor(7)
        weight, bias = self.draw(f"{name}.bn.weight", n_out), self.draw(f"{name}.bn.bias", n_out)
        columns = (slice(None), None, None)
        return (made - mean[columns]) / (variance[columns] + 1e-5).sqrt() * weight[columns] + bias[columns]

    def linear(self, values: Tensor, name: str, n_out: int) -> Tensor:
        weight = self.draw(f"{name}.weight", n_out, values.shape[1], size=0.02)
        return values @ weight.T + self.draw(f"{name}.bias", n_out)

    def prelu(self, image: Tensor, name: str) -> Tensor:
        slope = self.draw(f"{name}.weight", image.shape[1])[:, None, None]
        return torch.where(image > 0, image, slope * image)


def leaky(image: Tensor) -> Tensor:
    return torch.where(image > 0, image, 0.3 * image)


def crnet(w: Weights, image: Tensor) -> Tensor:
    wide = leaky(w.conv_bn(image, "encoder1.conv3x3_bn", 2, 3))
    wide = w.conv_bn(leaky(w.conv_bn(wide, "encoder1.conv1x9_bn", 2, (1, 9))), "encoder1.conv9x1_bn", 2, (9, 1))
    both = leaky(torch.cat([wide, w.conv_bn(image, "encoder2", 2, 3)], dim=1))
    codeword = w.linear(leaky(w.conv_bn(both, "encoder_conv.conv1x1_bn", 2, 1)).flatten(1), "encoder_fc", LENGTH)
    x = w.linear(codeword, "decoder_fc", 2048).view(-1, 2, 32, 32)
    x = leaky(w.conv_bn(x, "decoder_feature.conv5x5_bn", 2, 5))
    for block in ("decoder_feature.CRBlock1", "decoder_feature.CRBlock2"):
        one = leaky(w.conv_bn(x, f"{block}.path1.conv3x3", 7, 3))
        one = leaky(w.conv_bn(one, f"{block}.path1.conv1x9", 7, (1, 9)))
        one = w.conv_bn(one, f"{block}.path1.conv9x1", 7, (9, 1))
        two = leaky(w.conv_bn(x, f"{block}.path2.conv1x5", 7, (1, 5)))
        two = w.conv_bn(two, f"{block}.path2.conv5x1", 7, (5, 1))
        x = leaky(x + w.conv_bn(leaky(torch.cat([one, two], dim=1)), f"{block}.conv1x1", 2, 1))
    return x.sigmoid()


def acrnet(w: Weights, image: Tensor) -> Tensor:
    x = w.prelu(w.conv_bn(image, "encoder_feature.conv5x5_bn", 2, 5), "encoder_feature.prelu")
    for block in ("encoder_feature.ACREncoderBlock1", "encoder_feature.ACREncoderBlock2"):
        path = w.prelu(w.conv_bn(x, f"{block}.conv_bn1", 2, (1, 9)), f"{block}.prelu1")
        x = w.prelu(x + w.conv_bn(path, f"{block}.conv_bn2", 2, (9, 1)), f"{block}.prelu2")
    x = w.linear(w.linear(x.flatten(1), "encoder_fc", LENGTH), "decoder_fc", 2048).view(-1, 2, 32, 32)
    x = w.prelu(w.conv_bn(x, "decoder_feature.conv5x5_bn", 2, 5), "decoder_feature.prelu")
    for block in ("decoder_feature.ACRDecoderBlock1", "decoder_feature.ACRDecoderBlock2"):
        path = w.prelu(w.conv_bn(x, f"{block}.conv1_bn", 16, (1, 9)), f"{block}.prelu1")
        path = w.prelu(w.conv_bn(path, f"{block}.conv2_bn", 16, 7, groups=8), f"{block}.prelu2")
        x = w.prelu(x + w.conv_bn(path, f"{block}.conv3_bn", 2, (9, 1)), f"{block}.prelu3")
    return x.sigmoid()


def bcsinet_c2(w: Weights, image: Tensor) -> Tensor:
    def conv(x: Tensor, name: str, n_out: int) -> Tensor:
        return w.conv_bn(x, name, n_out, 3, conv="conv3x3")

    x = leaky(conv(image, "encoder_feature.conv3x3_bn1", 2))
    path = leaky(conv(x, "encoder_feature.tiny_refine1.conv1_bn", 4))
    x = leaky(x + conv(path, "encoder_feature.tiny_refine1.conv2_bn", 2)).flatten(1)
    weight = w.draw("encoder_binary_fc.weight", LENGTH, 2048, size=0.02)
    codeword = x @ (weight.sign() * weight.abs().mean()).T + w.draw("encoder_binary_fc.bias", LENGTH)
    x = w.linear(codeword, "decoder_fc", 2048).view(-1, 2, 32, 32)
    for number in range(2):
        block = f"decoder_feature.refine{number}"
        path = leaky(conv(leaky(conv(x, f"{block}.conv1_bn", 8)), f"{block}.conv2_bn", 16))
        x = leaky(x + conv(path, f"{block}.conv3_bn", 2))
    return conv(x, "decoder_feature.conv3x3_bn", 2).sigmoid()


def network(name: str, path: Path, **given: Any) -> NeuralCompressor:
    section = COMPRESSORS.get_class(name)
    made = section(section.Parameters(name=name, compression_ratio=RATIO, checkpoint=path, **given), SHAPE)
    assert isinstance(made, NeuralCompressor)
    return made


CASES = [("crnet", crnet, {}), ("acrnet", acrnet, {"expansion": 2}), ("bcsinet-c2", bcsinet_c2, {})]


@pytest.mark.parametrize(("name", "independent", "given"), CASES)
@pytest.mark.parametrize("form", ["plain", "wrapped"])
def test_same_output_as_an_independent_implementation(
    name: str, independent: Any, given: dict[str, Any], form: str, tmp_path: Path
) -> None:
    weights = Weights()
    generator = torch.Generator().manual_seed(5)
    csi = torch.randn(3, *SHAPE, dtype=torch.complex64, generator=generator)
    csi = csi / csi.abs().amax(dim=(1, 2), keepdim=True)
    # [2, angle, delay] there.
    image = torch.stack([csi.real, csi.imag], dim=1).mT / 2 + 0.5
    expected = independent(weights, image)
    state = weights.tensors
    path = tmp_path / "best_nmse.pth"
    extra = {"encoder_fc.total_ops": torch.zeros(1), "total_params": torch.zeros(1)}
    inner = state | extra if name == "crnet" else state
    if form == "plain":
        torch.save(inner, path)
    else:
        named = {f"module.{key}": tensor for key, tensor in inner.items()}
        torch.save({"epoch": 1000, "state_dict": named, "optimizer": {"state": {}, "param_groups": []}}, path)
    made = network(name, path, **given)
    made.take_weights_of_others()
    rebuilt = made.decode(made.encode(csi))
    # float32 sums of some thousand terms of the size of the output in either order: about 1e-6 a layer, ten layers.
    real, imaginary = (expected.mT * 2 - 1).unbind(1)
    assert torch.allclose(rebuilt.real, real, atol=2e-5)
    assert torch.allclose(rebuilt.imag, imaginary, atol=2e-5)
    assert not made.settings.needs_training


def test_files_that_are_no_such_checkpoint(tmp_path: Path) -> None:
    good = Weights()
    crnet(good, torch.rand(1, 2, 32, 32))
    path = tmp_path / "file.pth"
    lacking = {name: tensor for name, tensor in good.tensors.items() if name != "encoder2.conv.weight"}
    other_ratio = good.tensors | {"encoder_fc.weight": torch.zeros(64, 2048)}

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "ran",))

    for content, message in (
        (lacking, r"got no encoder2\.conv\.weight \(1 missing\), expected the"),
        (good.tensors | {"more": torch.zeros(1)}, "got more, which this network has not"),
        (other_ratio, r"encoder\.fc\.weight: got shape \[64, 2048\], expected \[32, 2048\]"),
        (good.tensors | {"encoder_fc.bias": torch.full((LENGTH,), torch.nan)}, "got NaN or infinity"),
        ([1, 2], "got no state dict"),
        ({"state_dict": Evil()}, "holds more than tensors, expected a checkpoint of tensors only"),
        (nn.Linear(2, 2), "expected a checkpoint of tensors only"),
        ({"big": torch.zeros(10_000_000)}, "got more than .* bytes, expected a checkpoint"),
    ):
        torch.save(content, path)
        with pytest.raises(FeedbackInputError, match=message) as caught:
            network("crnet", path).take_weights_of_others()
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
        assert "weights_only" not in str(caught.value)
    assert not (tmp_path / "ran").exists()
    path.write_bytes(b"no checkpoint")
    with pytest.raises(FeedbackInputError, match="unreadable, or it holds more than tensors, expected"):
        network("crnet", path).take_weights_of_others()
    with pytest.raises(FeedbackInputError, match="No such file"):
        network("crnet", tmp_path / "none.pth").take_weights_of_others()
    with pytest.raises(ValueError, match="expected 'crnet'"):
        network("bcrnet", path)
