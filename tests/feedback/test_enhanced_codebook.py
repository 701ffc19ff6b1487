"""Codebooks with a network at the BS: the same bits, the same precoders at first, better ones where there is a rule."""

from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from feedback.checkpoint_key import checkpoint_key
from feedback.codebooks.layout import SUPPORTED
from feedback.compressor import COMPRESSORS, NO_MEMORY
from feedback.csi_dimensions import CsiDimensions
from feedback.enhanced_codebook import EnhancedCodebook
from feedback.layers.images import to_unit_interval
from feedback.plugin_file import build_compressor, has_training_run, identity_of
from feedback.training.options import TrainingOptions
from feedback.training_set import TrainingSet

SIZES = CsiDimensions(8, 8, 2, n_polarizations=2, n_rows=1, bands=tuple((4 * band, 4 * band + 4) for band in range(13)))
SECTIONS: dict[str, dict[str, Any]] = {
    "type1": {},
    "type2": {"n_beams": 2, "rank": 2},
    "etype2": {"param_combination": 1, "rank": 2},
    "etype2_port_selection": {"param_combination": 1},
}
ENHANCED = {"enhancer": "transformer"}


def made(name: str, dimensions: CsiDimensions = SIZES, **keys: Any) -> Any:
    return build_compressor(COMPRESSORS.parameters(name).model_validate({"name": name, **keys}), dimensions)


def enhanced(name: str, **keys: Any) -> EnhancedCodebook:
    network = made(name, **keys, **ENHANCED)
    assert isinstance(network, EnhancedCodebook)
    return network


def channels(compressor: Any, n: int = 6) -> Tensor:
    """In the form that a codebook takes: a few paths for each UE."""
    generator = torch.Generator().manual_seed(3)
    draw = torch.randn(n, SIZES.n_rx, 3, dtype=torch.complex64, generator=generator)
    delay, beam = 6 * torch.rand(2, n, 1, 3, generator=generator)
    at = torch.arange(SIZES.n_subcarriers)[:, None] * delay / SIZES.n_subcarriers
    steering = torch.exp(2j * torch.pi * torch.arange(4)[:, None] * beam / 4)
    ports = torch.stack([steering, steering * 1j], dim=1).flatten(1, 2)
    response = torch.einsum("nrp,nkp,nap->nrka", draw, torch.exp(-2j * torch.pi * at), ports)
    if compressor.takes == "estimate":
        return response
    bands = response.unflatten(2, (13, 4)).permute(0, 2, 1, 3, 4).flatten(2, 3)
    vectors = torch.linalg.svd(bands, full_matrices=False).Vh[:, :, : compressor.n_layers].conj()
    return vectors.transpose(1, 2).contiguous()


def sgcs(precoder: Tensor, true: Tensor) -> Tensor:
    inner = (precoder.conj() * true).sum(-1).abs().square()
    return inner / (precoder.abs().square().sum(-1) * true.abs().square().sum(-1))


@pytest.mark.parametrize("name", SECTIONS)
def test_reports_are_the_codebooks_and_so_are_precoders_at_first(name: str) -> None:
    network, plain = enhanced(name, **SECTIONS[name]), made(name, **SECTIONS[name])
    csi = channels(network)
    report, expected = network.encode(csi), plain.encode(csi)
    torch.testing.assert_close(report.values, expected.values, rtol=0, atol=0)
    torch.testing.assert_close(torch.as_tensor(report.value_bits), torch.as_tensor(expected.value_bits))
    network.prepare(TrainingSet(csi, csi[:0]), torch.Generator().manual_seed(1))
    found, plain_precoder = network.decode(report), plain.decode(expected)
    # Layers of a reported precoder need not be orthogonal; the first is as it was.
    torch.testing.assert_close(sgcs(found, plain_precoder)[:, 0], torch.ones(len(csi), 13), rtol=0, atol=1e-5)
    between = (found.conj()[:, 0] * found[:, -1]).sum(-1).abs()
    assert network.n_layers == 1 or bool((between < 1e-5).all())
    cost, plain_cost = network.complexity(), plain.complexity()
    assert (cost.ue_macs, cost.ue_parameters) == (plain_cost.ue_macs, plain_cost.ue_parameters)
    assert cost.bs_parameters == sum(parameter.numel() for parameter in network.decoder.parameters())


@pytest.mark.parametrize("name", SECTIONS)
def test_pairs_hold_the_sgcs_of_the_reports(name: str) -> None:
    network = enhanced(name, **SECTIONS[name])
    csi = channels(network)
    image = to_unit_interval(network.pairs(csi))
    precoder = network.codebook.rebuild(network.codebook.report(csi, NO_MEMORY)[0], NO_MEMORY)[0].csi
    expected = 1 - sgcs(precoder, network.true_vectors(csi)).mean((1, 2))
    found = network.direction_errors(image, network.encoder(image))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


def test_learns_what_reports_leave_out() -> None:
    network = enhanced("etype2", param_combination=1)
    # One direction between beams for all UEs, so that every report hides the same part of it.
    csi = channels(network, 1).expand(60, -1, -1, -1).contiguous()
    training = TrainingSet(csi, csi[:4])
    recipe = network.default_recipe.with_budget(samples=2000).model_copy(update={"full_rate_steps": None})
    outcome = network.train_networks(training, recipe, torch.Generator().manual_seed(1), TrainingOptions())
    figures = network.diagnostics(network.training_matrices(training).validation)
    assert figures["sgcs_reported"] < 0.97
    # A rule without exception can be learnt: half of what was missing is found in 40 steps.
    assert 1 - figures["sgcs"] < 0.5 * (1 - figures["sgcs_reported"])
    assert outcome.validation_nmse_db < outcome.start_nmse_db
    assert float(sgcs(network.decode(network.encode(csi[:1])), csi[:1]).mean()) == pytest.approx(
        figures["sgcs"], abs=1e-4
    )


def test_weights_belong_to_codebook_and_subbands() -> None:
    model = COMPRESSORS.parameters("etype2")

    def key(dimensions: CsiDimensions = SIZES, **keys: Any) -> str:
        section = model.model_validate({"name": "etype2", **ENHANCED, **keys})
        assert has_training_run(section)
        identity = identity_of(section, dimensions)
        assert identity.shape == build_compressor(section, dimensions).shape
        return checkpoint_key(identity, {})

    fewer = CsiDimensions(8, 8, 2, 2, 1, SIZES.bands[:6])
    assert len({key(), key(param_combination=1), key(rank=2), key(fewer)}) == 4
    # No precoder depends on the CQI beside it.
    assert key(cqi="wideband") == key()
    assert not has_training_run(model.model_validate({"name": "etype2"}))


@pytest.mark.parametrize("panel", [panel for panel in SUPPORTED if panel[0] * panel[1] > 1])
def test_shape_of_weights_tells_a_codebook_that_takes_them(panel: tuple[int, int]) -> None:
    section = COMPRESSORS.parameters("etype2").model_validate({"name": "etype2", "param_combination": 1, **ENHANCED})
    shape = (13, 2 * panel[0] * panel[1])
    found = section.dimensions_of(shape)
    assert (found.n_subbands, found.n_tx) == shape
    assert section.check(found)


@pytest.mark.parametrize(
    ("name", "keys", "message"),
    [
        ("etype2", {"rank": "auto", **ENHANCED}, "enhancer: got 'transformer' with rank auto, expected a rank"),
        ("type1", {"rank": 2, **ENHANCED}, "enhancer: got 'transformer' with rank 2, expected rank 1"),
        ("etype2_doppler", ENHANCED, "enhancer: got 'transformer' with etype2_doppler, expected it with a codebook"),
        ("type2", {"recipe": {"epochs": 1}}, "recipe: got one without enhancer, expected it with enhancer"),
    ],
)
def test_refuses_what_no_network_can_learn_from(name: str, keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        COMPRESSORS.parameters(name).model_validate({"name": name, **keys})
