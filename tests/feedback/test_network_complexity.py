"""Layer tables of the networks: multiply-adds, multiplications, parameters and stored bytes against the papers."""

import pytest
import torch
from torch import Tensor, nn

from feedback.complexity import count_stored_bytes
from feedback.compressor import COMPRESSORS, Complexity
from feedback.errors import FeedbackInputError
from feedback.neural import NeuralCompressor
from linksim.studies.operations import count_macs_without_attention, count_operations

RATIOS = [4, 8, 16, 32, 64]


def network(name: str, compression_ratio: float, **parameters: object) -> NeuralCompressor:
    network_class = COMPRESSORS.get_class(name)
    made = network_class(
        network_class.Parameters(name=name, compression_ratio=compression_ratio, **parameters), (32, 32)
    )
    assert isinstance(made, NeuralCompressor)
    return made


def cost(name: str, compression_ratio: float, **parameters: object) -> Complexity:
    return network(name, compression_ratio, **parameters).complexity()


# Encoder and decoder multiply-adds, encoder and all parameters, counted on the published networks.
@pytest.mark.parametrize(
    ("name", "ratio", "ue_macs", "bs_macs", "ue_parameters", "parameters"),
    [
        ("crnet", 4, 1_204_224, 3_917_824, 1_049_260, 2_102_838),
        ("crnet", 16, 417_792, 3_131_392, 262_444, 529_590),
        ("acrnet", 4, 1_298_432, 3_346_432, 1_049_362, 2_102_344),
        ("acrnet-1x", 4, 1_298_432, 3_346_432, 1_049_362, 2_102_344),
        ("acrnet-10x", 4, 1_298_432, 23_105_536, 1_049_362, 2_122_504),
        ("acrnet-20x", 4, 1_298_432, 45_060_096, 1_049_362, 2_144_904),
        ("acrnet-1x", 16, 512_000, 2_560_000, 262_546, 529_096),
        ("bcsinet-a2", 4, 1_085_440, 4_329_472, 1_049_128, 2_103_064),
        ("bcsinet-b3", 4, 1_122_304, 5_951_488, 1_049_168, 2_104_740),
        ("bcsinet-c2", 4, 1_232_896, 4_329_472, 1_049_284, 2_103_220),
        ("bcrnet", 4, 1_204_224, 3_917_824, 1_049_260, 2_102_838),
    ],
)
def test_published_counts(
    name: str, ratio: float, ue_macs: int, bs_macs: int, ue_parameters: int, parameters: int
) -> None:
    found = cost(name, ratio)
    assert (found.ue_macs, found.bs_macs) == (ue_macs, bs_macs)
    assert (found.ue_parameters, found.parameters) == (ue_parameters, parameters)


# ACRNet paper, Table I; ACRNet-4x to 16x from its Table III. Both sides together, as printed.
@pytest.mark.parametrize(
    ("name", "expansion", "ratio", "macs", "parameters"),
    [
        ("csinet+", None, 4, "24.57M", "2122K"),
        ("csinet+", None, 16, "23.00M", "549K"),
        ("csinet+", None, 64, "22.61M", "155K"),
        ("crnet", None, 32, "3.29M", "267K"),
        ("acrnet-1x", None, 8, "3.60M", "1054K"),
        ("acrnet-10x", None, 32, "22.57M", "287K"),
        ("acrnet-20x", None, 64, "44.39M", "178K"),
        ("acrnet", 4, 4, "11.23M", "2109K"),
        ("acrnet", 8, 4, "20.01M", "2118K"),
        ("acrnet", 16, 4, "37.58M", "2136K"),
    ],
)
def test_published_totals(name: str, expansion: int | None, ratio: float, macs: str, parameters: str) -> None:
    found = cost(name, ratio, **({} if expansion is None else {"expansion": expansion}))
    assert f"{(found.ue_macs + found.bs_macs) / 1e6:.2f}M" == macs
    assert f"{found.parameters / 1e3:.0f}K" == parameters


def test_deepcmc_is_what_is_published_of_it() -> None:
    """BCsiNet paper, Table I, counts convolutions at all places, also where few are kept or most are zeros."""
    found = cost("deepcmc", 2)
    image, wide, middle, small = 32 * 32, 8 * 8, 4 * 4, 2 * 2
    outer, inner = 2 * 256 * 81, 256 * 256 * 25
    assert found.ue_macs == wide * outer + middle * inner + small * inner
    assert found.bs_macs == small * inner + middle * 4 * inner + middle * inner + wide * outer
    ue_at_all_places = image * outer + wide * inner + middle * inner
    bs_at_all_places = middle * inner + middle * 4 * inner + wide * inner + image * outer
    printed = (ue_at_all_places, found.ue_parameters, bs_at_all_places, found.bs_parameters)
    assert [f"{value / 1e6:.2f}M" for value in printed] == ["173.54M", "3.32M", "278.40M", "9.87M"]


def test_convcsinet_is_what_is_published_of_it() -> None:
    """BCsiNet paper, Table I, both sides at 1/4."""
    found = cost("convcsinet", 4)
    printed = (found.ue_macs, found.ue_parameters, found.bs_macs, found.bs_parameters)
    assert [f"{value / 1e6:.2f}M" for value in printed] == ["60.16M", "2.14M", "166.07M", "2.07M"]
    assert found.bs_macs == cost("shufflecsinet", 4).bs_macs


# Deep equilibrium paper, Table I: encoders, with four operations a value of batch norm and one a mean.
@pytest.mark.parametrize(
    ("name", "printed"),
    [("convcsinet", [60.69, 59.51, 58.92, 58.62]), ("shufflecsinet", [24.11, 22.93, 22.34, 22.05])],
)
def test_encoders_of_convolutions_have_the_published_operations(name: str, printed: list[float]) -> None:
    found = [(cost(name, ratio).ue_macs + norms_and_means(network(name, ratio).encoder)) / 1e6 for ratio in RATIOS[:4]]
    assert [round(operations, 2) for operations in found] == printed


def norms_and_means(encoder: nn.Module) -> int:
    total = 0

    def count(layer: nn.Module, inputs: object, output: Tensor) -> None:
        nonlocal total
        total += {nn.BatchNorm2d: 4, nn.AvgPool2d: 1}.get(type(layer), 0) * output.numel()

    for layer in encoder.modules():
        layer.register_forward_hook(count)
    encoder(torch.zeros(1, 2, 32, 32))
    return total


@pytest.mark.parametrize("name", ["deepcmc", "convcsinet", "shufflecsinet"])
def test_convolutions_have_whole_maps(name: str) -> None:
    assert network(name, 16, width=2).length == 32 * 4
    with pytest.raises(FeedbackInputError, match=r"codeword of 2 values, expected a multiple of 2 x 2"):
        network(name, 1024, width=2)


@pytest.mark.parametrize(
    ("name", "multiplications"),
    [
        ("bcsinet-a2", 36_864),
        ("bcsinet-b3", 73_728),
        ("bcsinet-c3", 184_320),
        ("bcrnet", 155_648),
        ("bacrnet", 249_856),
    ],
)
def test_binary_layers_multiply_nothing(name: str, multiplications: int) -> None:
    assert {cost(name, ratio).ue_multiplications for ratio in RATIOS} == {multiplications}


# BCsiNet paper, Table IV, and ACRNet paper, Table IV: 32-bit words at the UE, in thousands.
@pytest.mark.parametrize(
    ("name", "words"),
    [("bcsinet-a2", [33, 17, 8, 4]), ("bcsinet-b3", [33, 17, 8, 4]), ("bacrnet-10x", [34, 17, 9])],
)
def test_stored_words(name: str, words: list[int]) -> None:
    found = [cost(name, ratio).ue_bytes / 4 for ratio in RATIOS[: len(words)]]
    assert [round(count / 1e3) for count in found] == words


def test_stored_bytes_by_hand() -> None:
    assert cost("bcsinet-a2", 4).ue_bytes == 2048 * 512 // 8 + 4 * (1 + 512 + 36 + 4)
    assert cost("csinet", 4).ue_bytes == 4 * 1_049_128


@pytest.mark.parametrize("name", ["bcsinet-a2", "bcsinet-b3"])
@pytest.mark.parametrize("ratio", RATIOS)
def test_binary_encoders_are_30_times_smaller(name: str, ratio: float) -> None:
    assert cost("csinet", ratio).ue_bytes > 30 * cost(name, ratio).ue_bytes


def test_binary_layer_at_the_bs() -> None:
    binary = network("bacrnet-1x", 4, decoder_fc="binary")
    # ACRNet paper, Table IV: 37 K words.
    assert round(count_stored_bytes(binary.decoder) / 4e3) == 37
    assert binary.complexity().bs_macs == cost("bacrnet-1x", 4).bs_macs


# CLLWCsiNet paper, Table III. CL-ACRNet at 1/4 is printed as 7.12 K, which repeats CL-CsiNet's at 1/16.
@pytest.mark.parametrize(
    ("name", "ratio", "parameters"),
    [
        ("cl-csinet", 4, "17.9"),
        ("cl-csinet", 8, "10.71"),
        ("cl-csinet", 16, "7.12"),
        ("cl-crnet", 4, "17.6"),
        ("cl-crnet", 8, "10.43"),
        ("cl-crnet", 16, "6.84"),
        ("cl-acrnet", 8, "9.94"),
        ("cl-acrnet", 16, "6.35"),
        ("cllwcsinet", 4, "70.26"),
        ("cllwcsinet", 8, "66.7"),
        ("cllwcsinet", 16, "42.6"),
    ],
)
def test_parameters_of_convolutional_latent_spaces(name: str, ratio: float, parameters: str) -> None:
    digits = len(parameters.partition(".")[2])
    assert f"{cost(name, ratio).parameters / 1e3:.{digits}f}" == parameters


# What that paper prints as FLOPs in its Table III; at 1/16 the layers that have the parameters take 6.38 M, not the
# printed 6.63 M.
@pytest.mark.parametrize(
    ("name", "ratio", "operations"),
    [
        ("cllwcsinet", 4, "7.26"),
        ("cllwcsinet", 8, "7.15"),
        ("cl-csinet", 4, "4.00"),
        ("cl-csinet", 16, "3.66"),
        ("cl-acrnet", 4, "3.16"),
        ("cl-acrnet", 8, "2.93"),
        ("cl-acrnet", 16, "2.81"),
    ],
)
def test_operations_of_convolutional_latent_spaces(name: str, ratio: float, operations: str) -> None:
    assert f"{count_operations(network(name, ratio)) / 1e6:.2f}" == operations


# DEQ paper, Table I; the paper leaves widths open, so 5 %.
@pytest.mark.parametrize(("ratio", "macs"), [(4, 3.25e6), (8, 2.73e6), (16, 2.46e6), (32, 2.33e6)])
def test_encoder_of_the_equilibrium_network(ratio: float, macs: float) -> None:
    assert cost("deq", ratio).ue_macs == pytest.approx(macs, rel=0.05)


def test_expansion_by_width_and_depth() -> None:
    head, pixels = 5 * 5 * 2 * 2, 1024
    fully_connected = 2048 * 512

    def block(width: int, groups: int) -> int:
        return 2 * (9 * 2 * width) + 49 * width * width // groups

    for kind, blocks in (("aggregated", 2 * block(24, 12)), ("width", 2 * block(24, 1)), ("depth", 6 * block(8, 4))):
        found = cost("acrnet", 4, expansion=3, decoder_expansion=kind)
        assert found.bs_macs == fully_connected + pixels * (head + blocks)
        assert found.ue_macs == 1_298_432


def test_activations_differ_in_slopes() -> None:
    counts = {kind: cost("acrnet", 4, activation=kind).parameters for kind in ("lrelu", "sprelu", "prelu")}
    # 5 activations at the UE and 7 at the BS, 2 channels each, but 4 of the latter 8 channels.
    assert counts["sprelu"] - counts["lrelu"] == 5 + 7
    assert counts["prelu"] - counts["lrelu"] == 5 * 2 + 3 * 2 + 4 * 8


def test_refuses_contradictions() -> None:
    with pytest.raises(ValueError, match="expansion is 3, expected 10 as 'acrnet-10x' says"):
        network("acrnet-10x", 4, expansion=3)
    assert network("acrnet-10x", 4, expansion=10).complexity() == cost("acrnet", 4, expansion=10)


@pytest.mark.parametrize(
    ("name", "ratio", "message"),
    [
        ("cl-csinet", 128, r"compression_ratio: got 128, which gives 0\.5 feature maps of 32 values, expected a ratio"),
        ("cllwcsinet", 32, "cllwcsinet: got compression_ratio 32 .*, expected a ratio of 4, 8 or 16"),
    ],
)
def test_refuses_codewords_that_are_no_maps(name: str, ratio: float, message: str) -> None:
    with pytest.raises(FeedbackInputError, match=message):
        network(name, ratio)


# README of the authors' repository: parameters, and what thop counts, which holds norms, activations and pooling.
@pytest.mark.parametrize(
    ("ratio", "parameters", "operations"),
    [
        (4, "2102K", "4.42M"),
        (8, "1053K", "3.37M"),
        (16, "528.7K", "2.85M"),
        (32, "266.5K", "2.58M"),
        (64, "135.4K", "2.45M"),
    ],
)
def test_clnet_has_the_published_size(ratio: float, parameters: str, operations: str) -> None:
    found = cost("clnet", ratio)
    digits = len(parameters.partition(".")[2]) - 1 if "." in parameters else 0
    assert f"{found.parameters / 1e3:.{digits}f}K" == parameters
    # Convolutions over 1024 places, by kernels; FC layers; the squeezed means of 32 channels.
    ue = 1024 * (3 * 2 * 2 * 9 + 2 * 32 + 18 + 34 * 2) + 2 * 32 * 2 + 2048 * 2048 // int(ratio)
    bs = 1024 * (100 + 2 * (126 + 147 + 147 + 70 + 245 + 28)) + 2048 * 2048 // int(ratio)
    assert (found.ue_macs, found.bs_macs) == (ue, bs)
    # Norms of 41 channels at the UE and 76 at the BS, leaky ReLUs of 40 and 76, means of 32, biases of the FC layers.
    others = 1024 * (2 * (41 + 76) + 40 + 76) + 32 * 1025 + 2048 // int(ratio) + 2048
    assert count_operations(network("clnet", ratio)) == ue + bs + others
    assert f"{(ue + bs + others) / 1e6:.2f}M" == operations


# README of the authors' repository, counted by thop, which sees no attention. At 1/8 it prints 34.70M, while the layers
# that give all other ratios have 34.67M there.
@pytest.mark.parametrize(
    ("ratio", "macs"), [(4, "35.72M"), (8, "34.67M"), (16, "34.14M"), (32, "33.88M"), (64, "33.75M")]
)
def test_transnet_has_the_published_size(ratio: float, macs: str) -> None:
    found, built = cost("transnet", ratio), network("transnet", ratio)
    assert f"{count_macs_without_attention(built) / 1e6:.2f}M" == macs
    # 64 tokens of 32 values, two passes: at the UE one attention, at the BS two; each has four layers and two products.
    dense, attention = 2 * 64 * 2 * 32 * 2048, 2 * 64 * 4 * 32 * 32 + 2 * 2 * 64 * 64 * 32
    fc = 2048 * 2048 // int(ratio)
    assert (found.ue_macs, found.bs_macs) == (dense + attention + fc, 64 * 32 * 32 + dense + 2 * attention + fc)
    # The two passes share their weights: attention, two layers, norms.
    layer, norm = 2 * 32 * 2048 + 2048 + 32, 2 * 32
    weights = 4 * (32 * 32 + 32)
    assert found.ue_parameters == weights + layer + 2 * norm + fc + 2048 // int(ratio)
    assert found.parameters - found.ue_parameters == 2 * weights + layer + 4 * norm + 32 * 33 + fc + 2048
