"""Distillation: weights over the stages, losses in closed form, step sizes, teachers that fit."""

import math

import pytest
import torch
from linear_networks import channels, networks, seeded
from torch import Tensor, nn

from feedback.errors import FeedbackInputError
from feedback.training.distillation import Distillation
from feedback.training.distillation_loss import DistillationLoss
from feedback.training.loop import train
from feedback.training.options import Pass, TrainingOptions
from feedback.training.recipe import TrainingRecipe
from feedback.training.stage import Stage
from feedback.training_set import TrainingSet

TEACHER = {"name": "crnet"}


def mimic(**others: object) -> Distillation:
    return Distillation(method="mimic", teacher=TEACHER, **others)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("schedule", "spent", "share"),
    [("const", 0.0, 1), ("const", 0.2, 1), ("linear", 0.05, 0.75), ("cosine", 0.1, 0.5), ("cosine", 0.2, 0)],
)
def test_weight_falls_as_its_schedule_says(schedule: str, spent: float, share: float) -> None:
    assert mimic(mimic_schedule=schedule, mimic_weight=1e-3).weight(spent) == pytest.approx(1e-3 * share, abs=1e-12)


def test_nothing_is_mimicked_in_the_explore_stage() -> None:
    assert mimic(mimic_schedule="const").weight(0.21) == 0


def a_pass(spent: float) -> tuple[Pass, nn.Module, nn.Module]:
    teacher = networks()
    image = torch.rand(6, 2, 4, 4, generator=seeded(5))
    codeword, rebuilt = torch.rand(6, 8, generator=seeded(6)), torch.rand(6, 2, 4, 4, generator=seeded(7))
    return Pass(image, codeword, rebuilt, spent), *teacher


def square(a: Tensor, b: Tensor) -> float:
    return float((a - b).detach().double().square().mean())


def test_losses_are_those_of_the_papers() -> None:
    step, encoder, decoder = a_pass(0.1)
    taught = encoder(step.image)
    plain = square(step.reconstruction, step.image)
    a = 0.25 * (1 + math.cos(math.pi / 2)) / 2
    expected = a * square(step.codeword, taught) + (1 - a) * plain
    # Means of 48 to 192 float32 values.
    assert float(DistillationLoss(mimic(mimic_weight=0.25), encoder, decoder)(step)) == pytest.approx(
        expected, rel=1e-5
    )
    kd = Distillation(method="kd", teacher=TEACHER, kd_weight=0.5)
    expected = plain + 0.5 * square(step.reconstruction, decoder(taught))
    assert float(DistillationLoss(kd, encoder, decoder)(step)) == pytest.approx(expected, rel=1e-5)
    explored, *_ = a_pass(0.5)
    assert float(DistillationLoss(mimic(), encoder, decoder)(explored)) == pytest.approx(plain, rel=1e-5)


def test_codewords_of_other_lengths_are_refused() -> None:
    step, encoder, decoder = a_pass(0.1)
    short = Pass(step.image, step.codeword[:, :4], step.reconstruction, step.spent)
    with pytest.raises(FeedbackInputError, match="codewords of 8 values, expected the student's 4"):
        DistillationLoss(mimic(), encoder, decoder)(short)


def test_stages_have_schedules_of_their_own() -> None:
    recipe = TrainingRecipe(
        epochs=10,
        validations=10,
        batch_size=40,
        warmup=0,
        learning_rate=1e-3,
        final_learning_rate=1e-5,
        fc_rate_ratio=0.05,
    )
    rates: list[tuple[float, float]] = []
    encoder, decoder = networks()
    training = TrainingSet(channels(40, seed=1), channels(40, seed=2))
    moved: list[float] = []
    before = encoder.fc.weight.detach().clone()

    def loss(step: Pass) -> Tensor:
        moved.append(float((encoder.fc.weight.detach() - before).abs().max()))
        return (step.reconstruction - step.image).square().mean()

    stages = (Stage(until=0.5), Stage(1.0, rate_ratio=3.0, encoder_rate_ratio=0.0))
    options = TrainingOptions(loss, stages=stages, on_progress=lambda p: rates.append((p.spent, p.learning_rate)))
    train(encoder, decoder, training, recipe, seeded(), options)
    found = dict(rates)
    # The last group is the decoder's FC.
    for spent, rate, share in ((0.1, 1, 0.2), (0.5, 1, 1.0), (0.6, 3, 0.2), (1.0, 3, 1.0)):
        cosine = 1e-5 + (1e-3 - 1e-5) * (1 + math.cos(math.pi * share)) / 2
        assert found[spent] == pytest.approx(0.05 * rate * cosine)
    # The encoder rests in the second stage: its sixth pass sees what its fifth step left.
    assert moved[5] > 0
    assert moved[5:] == [moved[5]] * 5
