"""Reports of a rank that the UE chooses: the choice, RI, CQI and LI among the bits, and what the BS makes of them."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from feedback.codebook_compressor import CodebookCompressor
from feedback.codebooks.link_quality import mmse_sinr
from feedback.codebooks.report_fields import CQI_EFFICIENCIES, ReportFields, cqi_of
from feedback.codebooks.targets import covariances, eigenvectors
from feedback.compressor import NO_MEMORY
from feedback.conformance.candidate import delivered
from tests.feedback.test_codebook_compressors import CODEBOOKS, made, sizes

SIZES = sizes(4, 2, n_subbands=3, n_rx=4)
KEYS: dict[str, dict[str, Any]] = {
    "type1": {},
    "type2": {"n_beams": 2, "allowed_ranks": [1, 2]},
    "etype2": {"param_combination": 2},
    "etype2_port_selection": {"param_combination": 2, "port_step": 2},
    "etype2_doppler": {"param_combination": 2, "n_intervals": 2},
}


def auto(name: str, **keys: Any) -> CodebookCompressor:
    return made(name, SIZES, rank="auto", **KEYS[name] | keys)


def channels_of_rising_rank(snr: float, seed: int = 1) -> Tensor:
    """Channels ``[batch, n_rx, n_points, n_tx]`` over the noise, of 1 to 4 paths of equal power."""
    generator = torch.Generator().manual_seed(seed)
    rows = []
    for n_paths in (1, 2, 3, 4, 4):
        ends = (torch.randn(n, n_paths, dtype=torch.complex64, generator=generator) for n in (4, 16))
        delays = torch.exp(2j * torch.pi * torch.rand(n_paths, generator=generator) * torch.arange(12)[:, None] / 12)
        receive, transmit = ends
        rows.append(torch.einsum("rp,np,tp->rnt", receive, delays, transmit) / math.sqrt(n_paths))
    return torch.stack(rows) * math.sqrt(snr)


def rates_by_definition(csi: Tensor, precoder: Tensor) -> np.ndarray:
    """Rate of each layer, mean over the subbands, ``[batch, rank]``, of precoders ``[batch, rank, subbands, n_tx]``."""
    response, weights = csi.numpy().astype(complex), precoder.numpy().astype(complex)
    rates = np.zeros(weights.shape[:3])
    for row in range(len(response)):
        for t, band in enumerate(SIZES.slices):
            inside = response[row, :, band].transpose(1, 0, 2)
            covariance = sum(h.conj().T @ h for h in inside) / len(inside)
            w = weights[row, :, t].T / math.sqrt(weights.shape[1])
            errors = np.linalg.inv(np.eye(w.shape[1]) + w.conj().T @ covariance @ w)
            rates[row, :, t] = -np.log2(errors.diagonal().real)
    return rates.mean(2)


def fixed(name: str, rank: int, csi: Tensor, **keys: Any) -> tuple[CodebookCompressor, Tensor]:
    """The same codebook at one rank, and the channels as it takes them when it measures no quality."""
    given = {key: value for key, value in KEYS[name].items() if key != "allowed_ranks"}
    return made(name, SIZES, rank=rank, **given | keys), csi


@pytest.mark.parametrize("snr", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("name", CODEBOOKS)
def test_the_rank_of_the_largest_sum_rate_is_reported(name: str, snr: float) -> None:
    csi = channels_of_rising_rank(snr)
    compressor = auto(name)
    rebuilt = compressor.decode(delivered(compressor.encode(csi)))
    ranks = compressor.fields.ranks
    # With a CQI each rank is selected from the same form of the channel, so that it gives the same precoder.
    each = {}
    for rank in ranks:
        one, _ = fixed(name, rank, csi, cqi="wideband")
        each[rank] = one.decode(delivered(one.encode(csi)))
    sums = np.stack([rates_by_definition(csi, each[rank]).sum(1) for rank in ranks], axis=1)
    expected = np.array(ranks)[sums.argmax(1)]
    assert (rebuilt != 0).any(-1).all(-1).sum(1).tolist() == expected.tolist()
    for row, rank in enumerate(expected):
        assert torch.equal(rebuilt[row, :rank], each[rank][row])
    if snr == 0.01:
        # Next to nothing but noise: all power where most comes back.
        assert set(expected) == {1}
    if snr == 100:
        assert len(set(expected)) > 1
        assert expected[0] == 1


def test_a_ue_takes_no_more_layers_than_it_has_antennas() -> None:
    assert made("etype2", sizes(4, 2, n_rx=2), rank="auto", param_combination=4).fields.ranks == (1, 2)
    assert made("etype2", sizes(8, 2, n_rx=4), rank="auto", param_combination=7).fields.ranks == (1, 2)
    alone = made("type1", sizes(4, 2), rank="auto")
    assert (alone.fields.ranks, alone.fields.rank_bits) == ((1,), 0)


@pytest.mark.parametrize("name", CODEBOOKS)
def test_reports_of_different_ranks_lie_in_one_batch(name: str) -> None:
    csi = channels_of_rising_rank(100.0)
    compressor = auto(name, cqi="subband", layer_indicator=True)
    together = compressor.encode(csi)
    assert isinstance(together.bits, Tensor)
    rebuilt = compressor.decode(delivered(together))
    assert len({tuple((row != 0).any(-1).all(-1).tolist()) for row in rebuilt}) > 1
    for row in range(len(csi)):
        alone = compressor.encode(csi[row : row + 1])
        assert isinstance(alone.bits, Tensor)
        assert int(alone.bits) == int(together.bits[row])
        assert torch.equal(alone.values[0], together.values[row, : alone.values.shape[1]])
        assert torch.equal(compressor.decode(delivered(alone))[0], rebuilt[row])


@pytest.mark.parametrize("name", CODEBOOKS)
def test_what_a_report_holds_beside_the_pmi(name: str) -> None:
    """RI and CQI open part 1, LI part 2; their values by NumPy from what the BS rebuilds, which the UE knows too."""
    csi = channels_of_rising_rank(100.0)
    compressor = auto(name, cqi="subband", layer_indicator=True)
    sent = compressor.encode(csi)
    rebuilt, bits = compressor.decode(delivered(sent)), sent.values.long().tolist()
    plain = auto(name)
    for row in range(len(csi)):
        rank = int((rebuilt[row] != 0).any(-1).all(-1).sum())
        n_ranks = len(compressor.fields.ranks)
        ri_bits = (n_ranks - 1).bit_length()
        at = iter(bits[row])

        def field(width: int, at: Any = at) -> int:
            return int("".join(str(next(at)) for _ in range(width)) or "0", 2)

        assert compressor.fields.ranks[field(ri_bits)] == rank
        used = rebuilt[row : row + 1, :rank]
        by_subband = np.stack([_efficiency(csi[row : row + 1], used, subband) for subband in range(3)])
        wideband = sum(by_subband.mean() >= e for e in CQI_EFFICIENCIES)
        assert field(4) == wideband
        for value in by_subband:
            offset = sum(value >= e for e in CQI_EFFICIENCIES) - wideband
            assert field(2) == (3 if offset < 0 else min(offset, 2))
        one = compressor.codebooks[rank]
        field(one.n_indicators * one.indicator_bits)
        strongest = int(rates_by_definition(csi[row : row + 1], used)[0].argmax())
        assert field(min((rank - 1).bit_length(), 2)) == strongest
    # Nothing else is longer for it.
    bare = plain.encode(csi)
    assert isinstance(bare.bits, Tensor)
    assert isinstance(sent.bits, Tensor)
    layer = torch.tensor([0, 0, 1, 2, 2])[(rebuilt != 0).any(-1).all(-1).sum(1)]
    assert torch.equal(sent.bits - bare.bits, 4 + 2 * 3 + layer)


def _efficiency(csi: Tensor, precoder: Tensor, subband: int) -> float:
    """Mean rate of the layers in one subband."""
    band = SIZES.slices[subband]
    inside = csi[0, :, band].numpy().astype(complex).transpose(1, 0, 2)
    covariance = sum(h.conj().T @ h for h in inside) / len(inside)
    w = precoder[0, :, subband].numpy().astype(complex).T / math.sqrt(precoder.shape[1])
    errors = np.linalg.inv(np.eye(w.shape[1]) + w.conj().T @ covariance @ w)
    return float(-np.log2(errors.diagonal().real).mean())


@pytest.mark.parametrize(
    ("name", "n1", "ranks", "rank_bits"),
    [
        ("type1", 1, (1, 2), 1),
        ("type1", 2, (1, 2, 3, 4), 2),
        ("type1", 4, (1, 2, 3), 2),
        ("type1", 4, (2, 4), 1),
        ("type2", 4, (1, 2), 1),
        ("etype2", 4, (1, 2, 3, 4), 2),
        ("etype2", 4, (1, 2), 1),
        ("etype2", 4, (3,), 0),
    ],
)
def test_width_of_the_rank_indicator(name: str, n1: int, ranks: tuple[int, ...], rank_bits: int) -> None:
    """TS 38.212, Tables 6.3.1.1.2-3 to -5: of as many values as ranks are allowed."""
    keys = {"param_combination": 1} if name == "etype2" else {}
    compressor = made(name, sizes(n1, 1, n_rx=4), rank="auto", allowed_ranks=ranks, **keys)
    assert compressor.fields.rank_bits == rank_bits


def test_size_of_the_longest_report() -> None:
    """32 ports, 13 subbands, combination 4: RI 2, CQI 4 + 26, K_NZ 5, LI 2, and 319 bits of PMI at ranks 2 and 4."""
    dimensions = sizes(8, 2, n_rx=4)
    full = made("etype2", dimensions, rank="auto", cqi="subband", layer_indicator=True)
    assert full.length == 2 + 30 + 5 + 2 + 319
    assert made("etype2", dimensions, rank="auto").length == 2 + 5 + 319
    assert made("etype2", dimensions, rank="auto", allowed_ranks=[1]).length == 4 + 168
    # With R = 2 a CQI stands for two PMI subbands: 26 of these, 13 of those. 318 bits by the standard's table.
    halves = made("etype2", sizes(8, 2, 26, 2, n_rx=4), rank="auto", n_pmi_subbands=2, cqi="subband")
    assert halves.length == 2 + 30 + 5 + 318


def test_bits_of_two_pmi_subbands_in_a_cqi_subband() -> None:
    """32 ports (8, 2), 26 PMI subbands, R = 2: the PMI's bits at ranks 1 to 4 and those of K_NZ."""
    table = {
        1: (63, 112, 96, 105),
        2: (92, 168, 152, 161),
        3: (112, 206, 183, 201),
        4: (169, 318, 295, 313),
        5: (226, 430, 468, 506),
        6: (284, 545, 524, 562),
    }
    for combination, pmi in table.items():
        for rank in (1, 2, 3, 4):
            keys = {"param_combination": combination, "n_pmi_subbands": 2, "rank": rank}
            found = made("etype2", sizes(8, 2, 26, 2), **keys)
            most = math.ceil({1: 4, 2: 8, 3: 8, 4: 16, 5: 24, 6: 28}[combination])
            assert found.length == pmi[rank - 1] + (most * (1 if rank == 1 else 2) - 1).bit_length()


def test_cqi_is_the_largest_that_the_rate_carries() -> None:
    assert len(CQI_EFFICIENCIES) == 15
    # First and last rows of TS 38.214, Table 5.2.2.1-3.
    assert CQI_EFFICIENCIES[0] == pytest.approx(0.1523, abs=1e-4)
    assert CQI_EFFICIENCIES[-1] == pytest.approx(7.4063, abs=1e-4)
    assert list(CQI_EFFICIENCIES) == sorted(CQI_EFFICIENCIES)
    edges = torch.tensor([0.0, 0.15, CQI_EFFICIENCIES[0], 1.5, 100.0], dtype=torch.float64)
    assert cqi_of(edges).tolist() == [0, 0, 1, 4, 15]


@pytest.mark.parametrize("name", CODEBOOKS)
def test_values_that_no_rank_or_layer_has_are_lost_reports(name: str) -> None:
    allowed = [1, 2] if name == "type2" else [1, 2, 3]
    compressor = auto(name, allowed_ranks=allowed, layer_indicator=True)
    sent = delivered(compressor.encode(channels_of_rising_rank(100.0)))
    lost = torch.zeros(len(sent.values), dtype=torch.bool)
    if name != "type2":
        sent.values[0, :2] = 1
        lost[0] = True
    rebuilt, _ = compressor.rebuild(sent, NO_MEMORY)
    assert rebuilt.erased is not None
    assert torch.equal(rebuilt.erased, lost)
    if name == "type2":
        return
    # LI 3 of a report with three layers.
    three = made(name, SIZES, rank=3, layer_indicator=True, **KEYS[name])
    sent = delivered(three.encode(channels_of_rising_rank(100.0)))
    at = three.codebooks[3].n_indicators * three.codebooks[3].indicator_bits
    sent.values[2, at : at + 2] = 1
    erased = three.rebuild(sent, NO_MEMORY)[0].erased
    assert erased is not None
    assert erased.tolist() == [False, False, True, False, False]


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ({"rank": 5}, "rank"),
        ({"rank": "automatic"}, "rank"),
        ({"rank": 2, "allowed_ranks": [1, 2]}, "allowed_ranks: got .1, 2. with rank 2"),
        ({"rank": "auto", "allowed_ranks": [2, 1]}, "allowed_ranks: got .2, 1., expected ascending ranks"),
        ({"rank": "auto", "allowed_ranks": []}, "allowed_ranks"),
        ({"cqi": "both"}, "cqi"),
    ],
)
@pytest.mark.parametrize("name", CODEBOOKS)
def test_wrong_keys_name_themselves(name: str, keys: dict[str, Any], line: str) -> None:
    with pytest.raises(ValueError, match=line):
        CODEBOOKS[name].Parameters.model_validate({"name": name, **keys})


def test_a_rank_that_a_codebook_has_not() -> None:
    with pytest.raises(ValueError, match=r"allowed_ranks: got \[1, 3\], expected ranks up to 2 for type2"):
        made("type2", SIZES, rank="auto", allowed_ranks=[1, 3])
    with pytest.raises(ValueError, match="rank: got 3, expected 1 or 2 for type2"):
        made("type2", SIZES, rank=3)


def test_fields_that_are_not_asked_for_take_nothing() -> None:
    fields = ReportFields((2,), "none", False, 13)
    assert (fields.rank_bits, fields.cqi_bits, fields.layer_bits(2)) == (0, 0, 0)


def test_a_choice_of_one_rank_is_that_rank() -> None:
    csi = channels_of_rising_rank(1.0)
    response = csi.transpose(1, 2)
    vectors, _ = eigenvectors(covariances(response, SIZES.slices), 2)
    one = made("etype2", SIZES, rank=2)
    same = made("etype2", SIZES, rank="auto", allowed_ranks=[2])
    by_vectors = one.encode(vectors.permute(0, 3, 1, 2).to(torch.complex64))
    assert (one.takes, same.takes) == ("eigenvectors", "whitened")
    # Eigenvectors of float32 and float64 differ in the seventh digit, which quantised coefficients hardly show.
    apart = one.decode(delivered(by_vectors)) - same.decode(delivered(same.encode(csi)))
    assert (apart.abs().amax((1, 2, 3)) < 1e-5).sum() >= 4


@pytest.mark.parametrize("snr", [1e8, 1e20])
def test_layers_that_a_channel_does_not_keep_apart_disturb_each_other_at_every_snr(snr: float) -> None:
    """Two layers seen as one: an SINR of 1, as far as rounding tells, which is 1e-16 of the signals."""
    both = mmse_sinr(torch.full((2, 2), snr, dtype=torch.complex128))
    assert ((both > 0.5) & (both < 1.5 + 1e-14 * snr)).all()
    alone = mmse_sinr(torch.diag(torch.tensor([snr, 0], dtype=torch.complex128)))
    assert alone.tolist() == pytest.approx([snr, 0.0], rel=1e-6)
