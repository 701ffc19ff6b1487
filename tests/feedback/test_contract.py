"""The contract's checks find what they are for: each fault below is found by the check that is named."""

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from feedback.compressor import Complexity, Compressor
from feedback.compressors.klt import Klt
from feedback.conformance.candidate import Candidate
from feedback.conformance.compressor import ContractError, failures
from feedback.conformance.network import candidate_of, checks_of
from feedback.csi_report.codeword import Codeword
from feedback.neural import NeuralCompressor, NeuralParameters
from feedback.training_set import TrainingSet


class Small(NeuralCompressor):
    """A sound network, as small as can be."""

    class Parameters(NeuralParameters):
        name: str = "small"

    def build_encoder(self) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(2 * self.shape[0] * self.shape[1], self.length))

    def build_decoder(self) -> nn.Module:
        fc = nn.Linear(self.length, 2 * self.shape[0] * self.shape[1])
        return nn.Sequential(fc, nn.Unflatten(1, (2, *self.shape)), nn.Sigmoid())


def with_encode(change: Callable[[Any, Tensor, Codeword], Codeword]) -> type[Compressor]:
    class Faulty(Small):
        def encode(self, csi: Tensor) -> Codeword:
            return change(self, csi, super().encode(csi))

    return Faulty


def with_decode(change: Callable[[Any, Tensor], Tensor]) -> type[Compressor]:
    class Faulty(Small):
        def decode(self, received: Codeword) -> Tensor:
            return change(self, super().decode(received))

    return Faulty


class Cheats(Small):
    """Keeps what was encoded, and hands that out."""

    def encode(self, csi: Tensor) -> Codeword:
        self.kept = csi
        return super().encode(csi)

    def decode(self, received: Codeword) -> Tensor:
        kept = getattr(self, "kept", None)
        return kept if kept is not None and len(kept) == len(received.values) else super().decode(received)


class CheatsByClass(Small):
    """As ``Cheats``, but through the class, so that every object sees it."""

    kept: dict[int, Tensor] = {}  # noqa: RUF012 - the fault

    def encode(self, csi: Tensor) -> Codeword:
        CheatsByClass.kept[len(csi)] = csi
        return super().encode(csi)

    def decode(self, received: Codeword) -> Tensor:
        kept = CheatsByClass.kept.get(len(received.values))
        return super().decode(received) if kept is None or kept.shape[1:] != self.shape else kept


class ForgetsAState(Klt):
    """Learns something that ``state`` does not give."""

    def fit(self, training: TrainingSet, generator: torch.Generator) -> None:
        super().fit(training, generator)
        self.gain = 2.0

    def encode(self, csi: Tensor) -> Codeword:
        return Codeword(super().encode(csi).values * getattr(self, "gain", 1.0))


class TakesAnything(Small):
    def load_state(self, state: Mapping[str, Tensor]) -> None:
        known = {name: tensor for name, tensor in state.items() if name in self.state()}
        if known and all(tensor.shape == self.state()[name].shape for name, tensor in known.items()):
            super().load_state(self.state() | known)


class StaysBehind(Small):
    def __init__(self, parameters: Any, shape: tuple[int, int]) -> None:
        super().__init__(parameters, shape)
        self.mean = torch.zeros(self.length)

    def encode(self, csi: Tensor) -> Codeword:
        return Codeword(super().encode(csi).values - self.mean)


class OnlySquares(Small):
    def decode(self, received: Codeword) -> Tensor:
        return super().decode(received).transpose(1, 2)


class IgnoresTheRatio(Small):
    def __init__(self, parameters: Any, shape: tuple[int, int]) -> None:
        ratio = parameters.compression_ratio
        possible = ratio if ratio in (4.0, 8.0, 16.0) else 4.0
        super().__init__(parameters.model_copy(update={"compression_ratio": possible}), shape)


class FitsAtRandom(Small):
    seeds = itertools.count()

    def prepare(self, training: TrainingSet, generator: torch.Generator) -> None:
        super().prepare(training, torch.Generator().manual_seed(next(self.seeds)))


class CountsWrong(Small):
    def complexity(self) -> Complexity:
        return Complexity(10, 10, 10, 10, ue_multiplications=11)


class ReadsItsWeights(Small):
    def __init__(self, parameters: Any, shape: tuple[int, int]) -> None:
        super().__init__(parameters, shape)
        self.largest = float(next(self.encoder.parameters()).detach().abs().max())


class DrawsGlobally(Small):
    def __init__(self, parameters: Any, shape: tuple[int, int]) -> None:
        super().__init__(parameters, shape)
        torch.rand(1)


class SharesWeights(Small):
    def build_decoder(self) -> nn.Module:
        decoder = super().build_decoder()
        decoder[0].bias = None  # type: ignore[index, assignment]
        decoder[0].weight = nn.Parameter(self.encoder[1].weight.detach().T)  # type: ignore[index]
        return decoder


class Idle(Small):
    """Has a layer that nothing passes through."""

    def build_encoder(self) -> nn.Module:
        class WithSpare(nn.Module):
            def __init__(self, layers: nn.Module) -> None:
                super().__init__()
                self.layers, self.spare = layers, nn.Linear(2, 2)

            def forward(self, image: Tensor) -> Tensor:
                return self.layers(image)

        return WithSpare(super().build_encoder())


class LearnsInUse(Small):
    def encode(self, csi: Tensor) -> Codeword:
        codeword = super().encode(csi)
        self.encoder[1].bias.data += codeword.values.mean(0)  # type: ignore[index, union-attr, operator]
        return codeword


class TrainsOn(Small):
    """Leaves training mode on, which batch norm and dropout would show."""

    def fit(self, training: TrainingSet, generator: torch.Generator) -> None:
        super().fit(training, generator)
        self.encoder.train()


def batch_mean(network: Any, csi: Tensor, codeword: Codeword) -> Codeword:
    return Codeword(codeword.values - codeword.values.mean(0))


def noise(network: Any, csi: Tensor, codeword: Codeword) -> Codeword:
    return Codeword(codeword.values + torch.rand(1))


def free_side(network: Any, csi: Tensor, codeword: Codeword) -> Codeword:
    return Codeword(codeword.values, {"csi": csi})


def long_double(network: Any, csi: Tensor, codeword: Codeword) -> Codeword:
    return Codeword(codeword.values.double())


def scaled(network: Any, csi: Tensor, codeword: Codeword) -> Codeword:
    # 0 / 0 for an all-zero matrix.
    return Codeword(codeword.values * csi.abs().amax(dim=(1, 2))[:, None] / csi.abs().amax(dim=(1, 2))[:, None])


FAULTS: list[tuple[type[Compressor], str, str]] = [
    (with_encode(long_double), "check_shapes_and_dtypes", "float64"),
    (with_encode(free_side), "check_shapes_and_dtypes", "0 bits for 1 tensors"),
    (with_decode(lambda network, csi: csi[:, 1:]), "check_shapes_and_dtypes", r"\[7, 15, 16\]"),
    (with_encode(scaled), "check_finite", "NaN"),
    (with_encode(noise), "check_determinism", "encode"),
    (with_decode(lambda network, csi: csi * torch.rand(1)), "check_determinism", "decode"),
    (with_encode(batch_mean), "check_batch_independence", "row 0 alone"),
    (with_decode(lambda network, csi: csi / csi.abs().max()), "check_batch_independence", "decode: row"),
    (Cheats, "check_decoder_sees_the_codeword_only", "other channels had been encoded"),
    (CheatsByClass, "check_decoder_sees_the_codeword_only", "other channels had been encoded"),
    (with_decode(lambda network, csi: torch.zeros_like(csi)), "check_decoder_sees_the_codeword_only", "from other"),
    (ForgetsAState, "check_save_and_load", "encode: got other digits"),
    (TakesAnything, "check_refuses_foreign_state", "not its own"),
    (StaysBehind, "check_device_moves", "on another device"),
    (OnlySquares, "check_every_size", r"\[3, 24, 8\]"),
    (IgnoresTheRatio, "check_compression_ratio", "ratio 3"),
    (FitsAtRandom, "check_fit_is_repeatable", "encoder"),
    (CountsWrong, "check_complexity", "11 multiplications"),
    (DrawsGlobally, "check_construction_draws_nothing", "global generator"),
    (ReadsItsWeights, "check_construction_reads_no_value", "expected one that reads none"),
    (SharesWeights, "check_encoder_and_decoder_share_nothing", "decoder.0.weight"),
    (Idle, "check_gradients", "encoder.spare.weight"),
    (CountsWrong, "check_complexity_agrees_with_the_networks", "10 parameters at the UE"),
    (LearnsInUse, "check_inference_changes_no_weight", "encoder.1.bias"),
    (TrainsOn, "check_evaluation_mode", "encoder, encoder.0, encoder.1: got training mode once trained"),
]


def candidate(compressor: type[Compressor]) -> Candidate:
    return candidate_of(compressor, {})


def test_a_sound_network_passes() -> None:
    sound = candidate(Small)
    assert [problem for _, problem in failures(sound, checks_of(sound))] == [None] * len(checks_of(sound))


@pytest.mark.parametrize(("faulty", "check", "message"), FAULTS, ids=lambda value: getattr(value, "__name__", value))
def test_finds_the_fault(faulty: type[Compressor], check: str, message: str) -> None:
    broken = candidate(faulty)
    (wanted,) = [one for one in checks_of(broken) if one.__name__ == check]
    with pytest.raises(ContractError, match=message):
        wanted(broken)


def test_a_crash_is_a_failure_of_one_check() -> None:
    def crash(network: Any, csi: Tensor) -> Tensor:
        raise IndexError("no\nsuch row")

    broken = candidate(with_decode(crash))
    found = {check.__name__: problem for check, problem in failures(broken, checks_of(broken))}
    assert found["check_determinism"] == "IndexError: no such row"
    assert found["check_complexity"] is None
