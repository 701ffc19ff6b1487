"""Scales of the three normalisations, and their undoing."""

import pytest
import torch

from feedback.csi_report.normalisation import Normalisation
from feedback.errors import FeedbackInputError


def _csi() -> torch.Tensor:
    csi = torch.randn(5, 4, 3, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    csi[2] = 0
    return csi


@pytest.mark.parametrize("kind", ["per_sample", "dataset", "none"])
def test_undo_inverts_apply(kind: str) -> None:
    csi = _csi()
    normalisation = Normalisation(kind).fit(csi)
    scale = normalisation.scale(csi)
    assert scale.shape == (5,)
    assert (scale > 0).all()
    # One division and one multiplication: two roundings.
    torch.testing.assert_close(normalisation.undo(normalisation.apply(csi, scale), scale), csi, rtol=3e-7, atol=0)


def test_per_sample_puts_the_largest_modulus_at_one() -> None:
    csi = _csi()
    normalisation = Normalisation("per_sample")
    largest = normalisation.apply(csi, normalisation.scale(csi)).abs().amax((1, 2))
    torch.testing.assert_close(largest, torch.tensor([1.0, 1.0, 0.0, 1.0, 1.0]))


def test_dataset_takes_its_scale_from_training() -> None:
    csi = _csi()
    normalisation = Normalisation("dataset").fit(csi)
    assert normalisation.dataset_scale == float(csi.abs().max())
    assert (normalisation.scale(csi[:2]) == csi.abs().max()).all()


def test_dataset_refuses_what_has_no_scale() -> None:
    with pytest.raises(FeedbackInputError, match="got no scale"):
        Normalisation("dataset").scale(_csi())
    with pytest.raises(FeedbackInputError, match="largest modulus 0"):
        Normalisation("dataset").fit(torch.zeros(2, 4, 3, dtype=torch.complex64))
