"""The codec's halves, and examples of every kind of compressor against the contract."""

from collections.abc import Callable
from dataclasses import fields, replace
from functools import cache

import pytest
import torch
from torch import Tensor

import feedback
from feedback.codec import BsHalf, Codec, ReceivedReport, UeHalf
from feedback.compressor import Compressor
from feedback.compressors.topk import TopK, TopKParameters
from feedback.conformance.candidate import Candidate, channels, csi_for, dimensions
from feedback.conformance.compressor import CHECKS, Check
from feedback.conformance.contract import ContractError
from feedback.conformance.reports import check_memory, check_wrong_bits
from feedback.csi_report.codeword import Codeword
from feedback.csi_report.normalisation import Normalisation
from feedback.csi_report.reconstruction import Reconstruction
from feedback.csi_report.scale import ScaleQuantiser
from feedback.denoisers.none import NoDenoiser, NoneParameters
from feedback.errors import FeedbackInputError
from feedback.observation import Observation
from feedback.quantisers.none import NoneParameters as NoQuantiserParameters
from feedback.quantisers.none import NoQuantiser
from feedback.quantisers.uniform import Uniform, UniformParameters
from tests.feedback.example_compressors import EXAMPLES, FromTheBand, LargeEntries, PhaseCodebook, Refining, with_loss

SHAPE = (8, 8)


@cache
def candidate(example: type[Compressor]) -> Candidate:
    return Candidate(example)


@pytest.mark.parametrize(
    ("example", "check"),
    [pytest.param(one, check, id=f"{one.__name__}-{check.__name__}") for one in EXAMPLES for check in CHECKS],
)
def test_contract_of_examples(example: type[Compressor], check: Check) -> None:
    if check.__name__ == "check_compression_ratio" and example is FromTheBand:
        return  # As the uncompressed one, it has the ratio 1 whatever is asked for.
    check(candidate(example))


def codec_of(compressor: Compressor, kind: str = "per_sample", bits: int | None = None) -> Codec:
    scale = ScaleQuantiser(32) if compressor.sends_scale() and kind == "per_sample" else None
    quantiser: NoQuantiser | Uniform = NoQuantiser(NoQuantiserParameters())
    if bits is not None:
        quantiser = Uniform(UniformParameters(bits=bits))
        quantiser.fit(compressor.encode(csi_for(compressor, 50)).values)
    normalisation = Normalisation(kind, 3.0 if kind == "dataset" else None)  # type: ignore[arg-type]
    return Codec(compressor, normalisation, quantiser, NoDenoiser(NoneParameters()), scale)


@pytest.mark.parametrize("kind", ["per_sample", "dataset", "none"])
def test_the_scale_of_a_channel_comes_back(kind: str) -> None:
    topk = TopK(TopKParameters(compression_ratio=1), SHAPE)
    csi = 7.5 * channels(5, SHAPE)
    codec = codec_of(topk, kind)
    # All entries are sent: what is left is the rounding of one division and one product.
    assert torch.allclose(codec.decode(codec.encode(csi)), csi, rtol=1e-6)
    assert ("scale" in codec.encode(csi).side) == (kind == "per_sample")


def test_a_report_is_the_same_in_any_batch_and_its_bits_are_counted() -> None:
    codec = codec_of(TopK(TopKParameters(compression_ratio=4), SHAPE), bits=4)
    csi = channels(6, SHAPE, seed=4)
    report = codec.encode(csi)
    # 32 values of 4 bits, 16 positions of 64, and the scale.
    assert report.bits == 32 * 4 + (488526937079580 - 1).bit_length() + 32
    assert torch.equal(codec.decode(codec.encode(csi[2:3]))[0], codec.decode(report)[2])


def test_the_bs_half_holds_nothing_of_the_ue() -> None:
    codec = codec_of(TopK(TopKParameters(compression_ratio=4), SHAPE), bits=4)
    assert {field.name for field in fields(BsHalf)}.isdisjoint({"encoder"})
    assert {field.name for field in fields(UeHalf)}.isdisjoint({"decoder", "denoiser"})
    first = codec.encode(channels(3, SHAPE, seed=1))
    before = codec.bs.rebuild(ReceivedReport(first))[0].csi
    codec.encode(channels(3, SHAPE, seed=2))
    assert torch.equal(codec.bs.rebuild(ReceivedReport(first))[0].csi, before)


@pytest.mark.parametrize(("example", "scaled"), [(FromTheBand, True), (PhaseCodebook, False), (LargeEntries, False)])
def test_no_scale_is_sent_beside_what_carries_or_needs_none(example: type[Compressor], scaled: bool) -> None:
    compressor = candidate(example).build()
    forms = {"truncated": 3 * channels(2, compressor.shape)} | {compressor.takes: csi_for(compressor, 2)}
    observation = Observation(**forms)
    assert (codec_of(compressor).ue.report(observation)[0].side_bits > 0) == scaled


def test_wrong_input_is_one_line() -> None:
    codec = codec_of(PhaseCodebook.build(PhaseCodebook.Parameters(), dimensions(SHAPE)))
    with pytest.raises(
        FeedbackInputError, match=r"csi: got torch.complex64 of shape \[2, 8, 8\], expected eigenvectors"
    ):
        codec.encode(channels(2, SHAPE))
    with pytest.raises(FeedbackInputError, match=r"csi: got .* \[2, 1, 4, 8\], expected eigenvectors .*, 2, 4, 8\]"):
        codec.encode(torch.ones(2, 1, 4, 8, dtype=torch.complex64))
    for wrong, message in (
        (torch.full((2, 2, 4, 8), torch.nan + 0j), "csi: got NaN or infinity, expected finite channels"),
        (torch.ones(2, 2, 4, 8), "csi: got torch.float32 of shape"),
        ([1, 2], "csi: got list, expected a tensor"),
    ):
        with pytest.raises(FeedbackInputError, match=message):
            codec.encode(wrong)  # type: ignore[arg-type]
    with pytest.raises(FeedbackInputError, match="received: got Tensor, expected a Codeword"):
        codec.decode(torch.ones(2, 4))  # type: ignore[arg-type]
    with pytest.raises(FeedbackInputError, match="csi: got no eigenvectors"):
        codec.encode(Observation(truncated=channels(2, SHAPE)))


def test_a_form_is_made_once() -> None:
    made: list[int] = []

    def vectors(n_layers: int) -> Tensor:
        made.append(n_layers)
        return torch.ones(1, n_layers, 2, 4)

    observation = Observation(truncated=channels(1, SHAPE), eigenvectors=vectors)
    for layers in (1, 2, 1, 2):
        assert observation.form("eigenvectors", layers).shape[1] == layers
    assert made == [1, 2]


def test_the_bits_of_large_entries_are_those_of_their_definition() -> None:
    made = LargeEntries(LargeEntries.Parameters(), SHAPE)
    csi = channels(9, SHAPE, seed=6) * torch.logspace(-3, 3, 9)[:, None, None]
    sent = made.encode(csi)
    large = (csi.abs() > csi.abs().amax((1, 2), keepdim=True) / 4).flatten(1).sum(1)
    assert torch.equal(sent.bits, 16 + 64 + 6 * large)
    rebuilt = made.decode(sent)
    # Entries within half a cell of 2 / 8 of twice the largest modulus, and those below a quarter of it left out.
    bound = 2 * 2**0.5 / 8 * csi.abs().amax((1, 2), keepdim=True)
    assert ((rebuilt - csi).abs() <= torch.maximum(bound, csi.abs().amax((1, 2), keepdim=True) / 4)).all()


@pytest.mark.parametrize("lost", [[], [0], [1], [0, 1], [2], [1, 3]])
def test_both_sides_remember_the_same_whatever_gets_lost(lost: list[int]) -> None:
    made = Refining(Refining.Parameters(), SHAPE)
    codec, csi = codec_of(made), channels(2, SHAPE, seed=7)
    ue: dict[str, Tensor] = {}
    bs: dict[str, Tensor] = {}
    told = None
    for number in range(8):
        sent, ue = codec.ue.report(Observation(truncated=csi), ue, told)  # type: ignore[assignment]
        arrived = with_loss(sent, [number in lost, False])
        rebuilt, bs = codec.bs.rebuild(ReceivedReport(arrived), bs)  # type: ignore[assignment]
        told = rebuilt.erased
        if number not in lost:
            assert torch.equal(ue["known"], bs["known"])
    assert rebuilt.channel is not None
    # Steps of 1/2, 1/4, ...: after k that arrived, within 2^-k of numbers in [-1, 1], and within rounding.
    error = torch.view_as_real(rebuilt.channel - csi).abs().amax((1, 2, 3))
    assert (error <= torch.tensor([2.0 ** (len(lost) - 8), 2.0**-8]) * 1.001).all()


class ForgetsItsErrors(LargeEntries):
    def rebuild(self, received: Codeword, memory: dict[str, Tensor]) -> tuple[Reconstruction, dict[str, Tensor]]:  # type: ignore[override]
        rebuilt, _ = super().rebuild(received, memory)
        return replace(rebuilt, erased=None), {}


class TrustsItsBits(LargeEntries):
    def _read(self, bits: Tensor) -> Tensor | None:
        read = super()._read(bits)
        assert read is not None
        return read


class RemembersByItself(Refining):
    def report(self, csi: Tensor, memory: dict[str, Tensor], lost: Tensor | None = None) -> tuple[Codeword, dict]:  # type: ignore[override, type-arg]
        sent, self.kept = super().report(csi, getattr(self, "kept", {}), None)  # type: ignore[assignment]
        return sent, {}


@pytest.mark.parametrize(
    ("broken", "check", "said"),
    [
        (ForgetsItsErrors, check_wrong_bits, "got no `erased`"),
        (TrustsItsBits, check_wrong_bits, None),
        (RemembersByItself, check_memory, None),
    ],
)
def test_breaches_are_found(broken: type[Compressor], check: Callable[[Candidate], None], said: str | None) -> None:
    with pytest.raises((ContractError, AssertionError, RuntimeError), match=said):
        check(Candidate(broken))


def test_public_names() -> None:
    assert feedback.Codec is Codec
    assert {"CsiDimensions", "Observation", "ReportCompressor"} <= set(feedback.__all__)
