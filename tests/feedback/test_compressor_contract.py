"""What every compressor must obey; a new one is tested by being registered."""

import itertools

import pytest
import torch
from torch import Tensor

import feedback.compressors  # noqa: F401 - registers the compressors
from feedback.codeword import Codeword
from feedback.compressor import COMPRESSORS, Compressor
from feedback.errors import FeedbackInputError
from feedback.neural import NeuralCompressor
from feedback.recipe import TrainingRecipe
from feedback.training_set import TrainingSet

NAMES = sorted(COMPRESSORS.keys())
NEURAL = [name for name in NAMES if issubclass(COMPRESSORS.get_class(name), NeuralCompressor)]
SHAPE = (16, 16)


def channels(n: int, shape: tuple[int, int], seed: int = 0) -> Tensor:
    """Sparse-looking matrices with decaying rows, largest modulus 1."""
    generator = torch.Generator().manual_seed(seed)
    csi = torch.randn(n, *shape, dtype=torch.complex64, generator=generator)
    csi = csi * csi.abs() ** 2 * torch.exp(-torch.arange(shape[0]) / 4)[:, None]
    return csi / csi.abs().amax(dim=(1, 2), keepdim=True)


def build(name: str, shape: tuple[int, int] = SHAPE, compression_ratio: float = 16.0) -> Compressor:
    compressor_class = COMPRESSORS.get_class(name)
    return compressor_class(compressor_class.Parameters(name=name, compression_ratio=compression_ratio), shape)


def fitted(name: str, shape: tuple[int, int] = SHAPE, compression_ratio: float = 16.0) -> Compressor:
    compressor = build(name, shape, compression_ratio)
    training = TrainingSet(channels(60, shape), channels(10, shape, seed=1))
    generator = torch.Generator().manual_seed(2)
    if isinstance(compressor, NeuralCompressor):
        compressor.train(training, TrainingRecipe(epochs=1, batch_size=30), generator)
    else:
        compressor.fit(training, generator)
    return compressor


@pytest.fixture(scope="module", params=NAMES)
def compressor(request: pytest.FixtureRequest) -> Compressor:
    return fitted(request.param)


@pytest.fixture(scope="module")
def csi() -> Tensor:
    return channels(7, SHAPE, seed=3)


def test_shapes_and_dtypes(compressor: Compressor, csi: Tensor) -> None:
    codeword = compressor.encode(csi)
    assert codeword.values.shape == (len(csi), compressor.length)
    assert codeword.values.dtype == torch.float32
    assert codeword.value_bits is None
    assert all(len(side) == len(csi) for side in codeword.side.values())
    assert (codeword.side_bits > 0) == bool(codeword.side)
    rebuilt = compressor.decode(codeword)
    assert rebuilt.shape == csi.shape
    assert rebuilt.dtype == torch.complex64
    assert torch.view_as_real(rebuilt).isfinite().all()
    assert not codeword.values.requires_grad
    assert not rebuilt.requires_grad


def test_same_input_gives_the_same_digits(compressor: Compressor, csi: Tensor) -> None:
    first, second = compressor.encode(csi), compressor.encode(csi)
    assert torch.equal(first.values, second.values)
    assert torch.equal(compressor.decode(first), compressor.decode(second))


def test_rows_of_a_batch_do_not_influence_each_other(compressor: Compressor, csi: Tensor) -> None:
    together = compressor.encode(csi)
    rebuilt = compressor.decode(together)
    for row in range(len(csi)):
        alone = compressor.encode(csi[row : row + 1])
        # Sums over 512 products in another order: relative rounding of about sqrt(512) 2^-24 = 1.3e-6 of
        # operands that are up to 50 times the result, as images in [0, 1] deviate by 0.02 from 0.5.
        tolerance = 2e-4 * float(together.values.abs().max())
        torch.testing.assert_close(alone.values[0], together.values[row], rtol=0, atol=tolerance)
        received = Codeword(
            together.values[row : row + 1], {name: side[row : row + 1] for name, side in together.side.items()}
        )
        torch.testing.assert_close(compressor.decode(received)[0], rebuilt[row], rtol=0, atol=2e-4)


def test_a_row_is_deaf_to_nan_in_another(compressor: Compressor, csi: Tensor) -> None:
    values = compressor.encode(csi).values
    spoilt = csi.clone()
    spoilt[0] = complex("nan")
    codeword = compressor.encode(spoilt)
    torch.testing.assert_close(codeword.values[1:], values[1:], rtol=0, atol=0)


def test_decoder_sees_only_the_received_codeword(compressor: Compressor, csi: Tensor) -> None:
    outputs = []
    for start in (0, 3):
        sent = compressor.encode(csi[start : start + 3])
        outputs.append(compressor.decode(Codeword(torch.zeros_like(sent.values), sent.side, sent.side_bits)))
    torch.testing.assert_close(outputs[0], outputs[1], rtol=0, atol=1e-6)
    # Another object with the same weights decodes alike, so nothing was kept from encoding.
    sent = compressor.encode(csi)
    other = build(compressor.parameters.name)
    other.load_state(compressor.state())
    assert torch.equal(other.decode(sent), compressor.decode(sent))


def test_what_was_learnt_survives_save_and_load(compressor: Compressor, csi: Tensor) -> None:
    other = build(compressor.parameters.name)
    other.load_state({name: tensor.clone() for name, tensor in compressor.state().items()})
    assert torch.equal(other.encode(csi).values, compressor.encode(csi).values)


def test_refuses_what_another_compressor_learnt(compressor: Compressor) -> None:
    with pytest.raises(FeedbackInputError, match="expected"):
        compressor.load_state({"not.a.name": torch.zeros(3)})
    state = compressor.state()
    for name in itertools.islice(state, 0, None, max(len(state) // 4, 1)):
        tensor = state[name]
        for wrong in (tensor[:0], torch.full_like(tensor, float("nan")), torch.zeros(tensor.shape, dtype=torch.int64)):
            with pytest.raises(FeedbackInputError, match="expected"):
                compressor.load_state(state | {name: wrong})


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("compression_ratio", [3.0, 4096.0, 0.5, None])
def test_refuses_a_ratio_without_codeword(name: str, compression_ratio: float | None) -> None:
    if build(name, compression_ratio=4.0).length == build(name, compression_ratio=16.0).length:
        pytest.skip("its codeword does not depend on the ratio")
    compressor_class = COMPRESSORS.get_class(name)
    parameters = compressor_class.Parameters(name=name, compression_ratio=compression_ratio)
    with pytest.raises(FeedbackInputError, match=r"compression_ratio: got .*, expected"):
        compressor_class(parameters, SHAPE)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(8, 24), (32, 8)])
def test_another_size_works(name: str, shape: tuple[int, int]) -> None:
    other = fitted(name, shape)
    few = channels(3, shape)
    assert other.decode(other.encode(few)).shape == few.shape


def test_complexity_counts(compressor: Compressor) -> None:
    cost = compressor.complexity()
    assert all(isinstance(figure, int) and figure >= 0 for figure in vars(cost).values())
    assert cost.ue_multiplications <= cost.ue_macs
    assert cost.ue_bytes <= 4 * cost.ue_parameters


def test_lengths_fall_with_the_ratio() -> None:
    for name, (low, high) in itertools.product(NAMES, [(4.0, 8.0), (8.0, 16.0)]):
        assert build(name, compression_ratio=low).length >= build(name, compression_ratio=high).length


def test_fit_is_repeatable(compressor: Compressor) -> None:
    again = fitted(compressor.parameters.name)
    for name, tensor in compressor.state().items():
        assert torch.equal(tensor, again.state()[name])


@pytest.mark.parametrize("name", NEURAL)
def test_construction_leaves_the_global_generator_alone(name: str) -> None:
    before = torch.random.get_rng_state()
    build(name)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("name", NEURAL)
def test_encoder_and_decoder_share_no_tensor(name: str) -> None:
    network = build(name)
    assert isinstance(network, NeuralCompressor)
    encoder = {tensor.data_ptr() for tensor in network.encoder.state_dict().values()}
    assert encoder.isdisjoint(tensor.data_ptr() for tensor in network.decoder.state_dict().values())


@pytest.mark.parametrize("name", NEURAL)
def test_gradients_reach_every_parameter(name: str) -> None:
    network = build(name)
    assert isinstance(network, NeuralCompressor)
    images = torch.rand(8, 2, *SHAPE, generator=torch.Generator().manual_seed(0))
    network.encoder.train()
    network.decoder.train()
    (network.decoder(network.encoder(images)) - images).square().sum().backward()
    for module in (network.encoder, network.decoder):
        for parameter_name, parameter in module.named_parameters():
            assert parameter.grad is not None, parameter_name
            assert parameter.grad.abs().sum() > 0, parameter_name


@pytest.mark.parametrize("name", NEURAL)
def test_complexity_agrees_with_the_state(name: str) -> None:
    network = build(name)
    assert isinstance(network, NeuralCompressor)
    cost = network.complexity()
    assert cost.ue_parameters == sum(p.numel() for p in network.encoder.parameters())
    assert cost.bs_parameters == sum(p.numel() for p in network.decoder.parameters())


@pytest.mark.parametrize("name", NEURAL)
def test_inference_leaves_the_weights_alone(name: str) -> None:
    network = build(name)
    assert isinstance(network, NeuralCompressor)
    before = {key: tensor.clone() for key, tensor in network.state().items()}
    network.decode(network.encode(channels(5, SHAPE)))
    assert all(torch.equal(before[key], tensor) for key, tensor in network.state().items())
