"""The public CsiNet weights: their error on channels that were made to be those they know."""

import math
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io
import torch
from torch import Tensor

from feedback.compressors.csinet import CsiNet
from feedback.errors import FeedbackInputError
from feedback.training_set import TrainingSet


def with_weights(file: Path) -> CsiNet:
    """CsiNet with a file's weights of 32 codeword values."""
    network = CsiNet(CsiNet.Parameters(compression_ratio=64, keras=file), (32, 32))
    network.take_weights_of_others()
    return network


def published_channels(data: Path, scene: str) -> Tensor:
    """The reference channels; their images lie ``[2, angle, delay]``."""
    images = scipy.io.loadmat(data / f"DATA_Htest_{scene}_cost2100_N2000.mat")["HT"].astype(np.float32)
    real, imaginary = (torch.from_numpy(images).view(-1, 2, 32, 32) * 2 - 1).unbind(1)
    return torch.complex(real, imaginary).mT.contiguous()


# NMSE of the codeword-32 weights on these very files, 2000 channels, to two decimals.
@pytest.mark.parametrize(("scene", "nmse_db"), [("indoor", -5.08), ("outdoor", -1.64)])
def test_error_of_the_public_weights(reference_data: Path, scene: str, nmse_db: float) -> None:
    network = with_weights(reference_data / "keras" / f"model_CsiNet_{scene}_dim32.h5")
    assert network.length == 32
    csi = published_channels(reference_data, scene)
    error, power = [], []
    for part in csi.split(500):
        error.append((network.decode(network.encode(part)) - part).abs().double().square().sum(dim=(1, 2)))
        power.append(part.abs().double().square().sum(dim=(1, 2)))
    nmse = float((torch.cat(error) / torch.cat(power)).mean())
    assert 10 * math.log10(nmse) == pytest.approx(nmse_db, abs=0.006)


def test_weights_are_where_a_plain_loop_puts_them(reference_data: Path) -> None:
    file_name = reference_data / "keras" / "model_CsiNet_indoor_dim32.h5"
    network = with_weights(file_name)
    image = torch.rand(2, 32, 32, generator=torch.Generator().manual_seed(1))  # [2, angle, delay]
    with h5py.File(file_name) as file:
        convolution = file["conv2d_1/conv2d_1"]
        layer = file["batch_normalization_1/batch_normalization_1"]
        norm = {name: layer[f"{name}:0"][()] for name in ("gamma", "beta", "moving_mean", "moving_variance")}
        dense = file["dense_1/dense_1"]
        padded = np.pad(image.numpy().astype(float), ((0, 0), (1, 1), (1, 1)))
        features = np.zeros((2, 32, 32))
        for out in range(2):
            for row in range(3):
                for column in range(3):
                    for source in range(2):
                        weight = convolution["kernel:0"][row, column, source, out]
                        features[out] += weight * padded[source, row : row + 32, column : column + 32]
            features[out] += convolution["bias:0"][out]
        features = norm["gamma"] * (features - norm["moving_mean"]) / np.sqrt(norm["moving_variance"] + 1e-3)
        features += norm["beta"]
        features = np.where(features > 0, features, 0.3 * features)
        expected = features.ravel() @ dense["kernel:0"][()] + dense["bias:0"][()]
    with torch.no_grad():
        found = network.encoder(image.mT[None])[0]
    # 2048 products in float32: relative rounding of about sqrt(2048) 2^-24 of sums of a few units.
    np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=1e-4)


def test_refuses_what_are_no_such_weights(tmp_path: Path) -> None:
    file = tmp_path / "weights.h5"
    with pytest.raises(FeedbackInputError, match=r"weights\.h5: cannot be read, expected Keras weights"):
        with_weights(file)
    file.write_bytes(b"no HDF5")
    with pytest.raises(FeedbackInputError, match=r"weights\.h5: cannot be read, expected Keras weights"):
        with_weights(file)
    with h5py.File(file, "w") as content:
        content["dense_1/dense_1/bias:0"] = np.zeros(32, dtype=np.float32)
    with pytest.raises(FeedbackInputError, match=r"weights\.h5: conv2d_1/conv2d_1/kernel:0: got no float32 weights"):
        with_weights(file)


def test_every_delay_row_has_its_own_statistics() -> None:
    network = CsiNet(CsiNet.Parameters(compression_ratio=4, keras=Path("weights.h5")), (8, 4))
    assert network.state()["encoder.features.norm.running_mean"].shape == (8,)
    assert network.state()["decoder.refinement.1.mix.norm.weight"].shape == (8,)


@pytest.mark.parametrize("scene", ["indoor", "outdoor"])
def test_agrees_with_keras(reference_data: Path, scene: str) -> None:
    keras = pytest.importorskip("tensorflow", reason="TensorFlow is not installed (extra: keras)").keras
    file_name = reference_data / "keras" / f"model_CsiNet_{scene}_dim32.h5"
    network = with_weights(file_name)
    layers = keras.layers
    numbers = {"conv2d": 0, "batch_normalization": 0, "dense": 0}

    with h5py.File(file_name, "r") as file:

        def weighted(kind: str, layer, x, names: tuple[str, ...]):  # type: ignore[no-untyped-def]
            """A layer with its weights of the file, in the order in which they are made."""
            numbers[kind] += 1
            name = f"{kind}_{numbers[kind]}"
            out = layer(x)
            layer.set_weights([file[f"{name}/{name}/{part}:0"][()] for part in names])
            return out

        def conv(x, filters: int, activation: str | None = None):  # type: ignore[no-untyped-def]
            # Channels first, as published, has no kernels on a CPU.
            layer = layers.Conv2D(filters, 3, padding="same", activation=activation)
            out = weighted("conv2d", layer, layers.Permute((2, 3, 1))(x), ("kernel", "bias"))
            return layers.Permute((3, 1, 2))(out)

        def norm(x):  # type: ignore[no-untyped-def]
            parts = ("gamma", "beta", "moving_mean", "moving_variance")
            return weighted("batch_normalization", layers.BatchNormalization(), x, parts)

        def leaky(x):  # type: ignore[no-untyped-def]
            return layers.LeakyReLU(negative_slope=0.3)(x)

        image = keras.Input((2, 32, 32))
        x = layers.Reshape((2048,))(leaky(norm(conv(image, 2))))
        x = weighted("dense", layers.Dense(32), x, ("kernel", "bias"))
        x = weighted("dense", layers.Dense(2048), x, ("kernel", "bias"))
        x = layers.Reshape((2, 32, 32))(x)
        for _ in range(2):
            path = norm(conv(leaky(norm(conv(leaky(norm(conv(x, 8))), 16))), 2))
            x = leaky(layers.Add()([x, path]))
        model = keras.Model(image, conv(x, 2, "sigmoid"))
    csi = published_channels(reference_data, scene)[:100]
    images = torch.stack([csi.real, csi.imag], dim=1).mT / 2 + 0.5
    theirs = torch.from_numpy(np.asarray(model(images.numpy(), training=False)))
    ours = network.decode(network.encode(csi))
    # Sums of 2048 float32 products of size 1: 1e-5 is what two orders of summation differ by at most.
    torch.testing.assert_close(torch.stack([ours.real, ours.imag], dim=1).mT / 2 + 0.5, theirs, rtol=0, atol=1e-5)


def test_a_scenario_names_the_file(reference_data: Path, tmp_path: Path) -> None:
    file = reference_data / "keras" / "model_CsiNet_indoor_dim32.h5"
    named = CsiNet(CsiNet.Parameters(compression_ratio=64, keras=file), (32, 32))
    named.fit(TrainingSet(torch.zeros(0, 32, 32), torch.zeros(0, 32, 32)), torch.Generator())
    csi = published_channels(reference_data, "indoor")[:5]
    loaded = with_weights(file)
    assert torch.equal(named.decode(named.encode(csi)), loaded.decode(loaded.encode(csi)))
    assert not named.settings.needs_training
    other = CsiNet(CsiNet.Parameters(compression_ratio=16, keras=file), (32, 32))
    with pytest.raises(FeedbackInputError, match="got weights of 32 codeword values, expected 128"):
        other.take_weights_of_others()
    missing = CsiNet(CsiNet.Parameters(compression_ratio=16, keras=tmp_path / "none.h5"), (32, 32))
    with pytest.raises(FeedbackInputError, match=r"none\.h5: cannot be read, expected Keras weights"):
        missing.take_weights_of_others()
