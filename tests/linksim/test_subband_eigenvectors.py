"""Subband eigenvectors and the SGCS against NumPy's eigendecomposition, and what is asked of the band beforehand."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from linksim.errors import InputError
from linksim.metrics import METRICS
from linksim.precoding import PRECODERS
from linksim.subband_eigenvectors import eigenvectors, subband_eigenvectors
from linksim.subbands import subbands
from tests.linksim.made_up_outcome import direct_sgcs, made_up_outcome, value_of


def _smooth(n: int, n_rx: int, n_tx: int, seed: int, n_paths: int = 5) -> torch.Tensor:
    """Channels of a few paths, ``[3, n, n_rx, n_tx]``: what is the same for neighbouring subcarriers."""
    generator = torch.Generator().manual_seed(seed)
    delays = 8 * torch.rand(3, n_paths, 1, generator=generator)
    ramps = torch.exp(-2j * torch.pi * delays * torch.arange(n) / n).to(torch.complex64)
    gains = torch.randn(3, n_paths, n_rx, n_tx, dtype=torch.complex64, generator=generator)
    return torch.einsum("bpn,bprt->bnrt", ramps, gains)


# Fewer rows in a subband than antennas, and more; several UE antennas; a subband of one row.
@pytest.mark.parametrize(("n", "n_subbands"), [(52, 13), (64, 4), (8, 8), (5, 1)])
@pytest.mark.parametrize("n_rx", [1, 2, 4])
def test_eigenvectors_of_the_covariances(n: int, n_subbands: int, n_rx: int) -> None:
    response = _smooth(n, n_rx, 16, seed=n + n_rx)
    bands = subbands(n, n_subbands)
    vectors = subband_eigenvectors(response, bands, n_layers=2)
    assert vectors.shape == (3, n_subbands, 2, 16)
    for number, band in enumerate(bands):
        rows = response[:, band].flatten(1, 2).numpy().astype(complex)
        values, expected = np.linalg.eigh(rows.conj().swapaxes(1, 2) @ rows)
        for layer in range(min(2, rows.shape[1])):
            cosine = np.abs(np.einsum("bt,bt->b", expected[..., -1 - layer].conj(), vectors[:, number, layer].numpy()))
            gap = np.abs(np.delete(values, -1 - layer, axis=1) - values[:, -1 - layer, None]).min(1) / values[:, -1]
            # A perturbation e of the matrix turns an eigenvector by e over the gap to the next eigenvalue; e is the
            # rounding of float32 in sums of up to 64 products, twice for a deflated one.
            assert (1 - cosine**2 < (1e-5 / gap) ** 2 + 2e-6).all()


def test_equal_eigenvalues_zeros_and_companions() -> None:
    twice = torch.eye(3, dtype=torch.complex64)[None, :2]
    # Any vector of the space of both is as good; the gain tells.
    assert (twice @ eigenvectors(twice)[0, 0]).abs().square().sum() == pytest.approx(1, abs=1e-6)
    assert not eigenvectors(torch.zeros(1, 4, 3, dtype=torch.complex64)).any()
    rows = _smooth(16, 2, 8, seed=3).flatten(1, 2)
    together = eigenvectors(rows, 2)
    for number in range(3):
        torch.testing.assert_close(eigenvectors(rows[number : number + 1], 2)[0], together[number], rtol=0, atol=1e-6)


@pytest.mark.parametrize(("m", "n"), [(2, 4), (6, 4)])
@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_vectors_beyond_the_rank_are_zero(m: int, n: int, scale: float) -> None:
    """What deflation leaves is rounding, whatever the power of the channel: no direction, and no NaN."""
    generator = torch.Generator().manual_seed(m)
    left, right = (torch.randn(50, *shape, dtype=torch.complex64, generator=generator) for shape in ((m, 2), (2, n)))
    found = eigenvectors(scale * left @ right, 4)
    torch.testing.assert_close(found[:, :2].norm(dim=-1), torch.ones(50, 2))
    assert not found[:, 2:].any()


def test_sgcs_is_of_the_subband_and_not_of_its_subcarriers() -> None:
    """What differs from subcarrier to subcarrier drops out of a covariance: SGCS is far above the squared cosine."""
    outcome = made_up_outcome()
    noise = torch.randn(
        outcome.response_report.shape, dtype=torch.complex64, generator=torch.Generator().manual_seed(4)
    )
    flat = outcome.response_report[:, :1].expand_as(noise)
    noisy = replace(outcome, response_report=flat + noise, csi_rebuilt=outcome.transform.truncate(flat.clone()))
    rebuilt = noisy.known_report.ports[:, :, None].numpy()
    for n_subbands in (None, 1, 13, 52):
        found = value_of("sgcs", replace(noisy, n_subbands=n_subbands))
        expected = direct_sgcs(noisy.response_report[:, :, None].numpy(), rebuilt, n_subbands or 13).mean()
        # Eigenvalues that differ by a few percent: rounding of float32 over that.
        assert found == pytest.approx(expected, rel=1e-4)
    assert value_of("sgcs", replace(noisy, n_subbands=1)) > 0.9
    assert value_of("sgcs", replace(noisy, n_subbands=52)) == pytest.approx(value_of("rho_squared", noisy), rel=1e-5)


@pytest.mark.parametrize("n_subcarriers", [2, 12])
def test_every_metric_and_precoder_serves_a_narrow_band(
    tiny: dict[str, Any], run_folder: Callable[..., Path], n_subcarriers: int
) -> None:
    tiny["channel"] = {"source": "sionna", "model": "UMa", "n_subcarriers": n_subcarriers, "n_columns": 4}
    tiny["transform"] = {"n_delay": 1}
    tiny["compressors"] = [{"name": "identity"}]
    tiny["metrics"] = sorted(str(name) for name in METRICS)
    tiny["monte_carlo"] = {"samples": 4}
    tiny["sweeps"] = {"precoders": {"precoder.name": sorted(str(name) for name in PRECODERS)}}
    assert (run_folder(tiny) / "results.csv").exists()


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        ("sgcs", {"n_subbands": 65}, "sgcs.n_subbands: got 65, expected 1 to 64 (subcarriers)"),
        (
            "precoder",
            {"name": "mrt_subband", "n_subbands": 65},
            "precoder.n_subbands: got 65, expected 1 to 64 (subcarriers)",
        ),
    ],
)
def test_more_subbands_than_subcarriers_are_found_by_validate(
    tiny: dict[str, Any],
    command: Callable[..., tuple[int, str, str]],
    scenario_file: Callable[[dict[str, Any]], Path],
    key: str,
    value: dict[str, Any],
    line: str,
) -> None:
    tiny[key] = value
    code, _, err = command("validate", scenario_file(tiny))
    assert code == 2
    assert line in err.replace("\n", " ")


def test_more_delay_rows_than_hf_all_has_points(
    tiny: dict[str, Any], command: Callable[..., tuple[int, str, str]], scenario_file: Callable[[dict[str, Any]], Path]
) -> None:
    tiny["channel"]["n_subcarriers"] = 512
    tiny["transform"] = {"n_delay": 300}
    tiny["metrics"] = ["rho_hf_all"]
    code, _, err = command("validate", scenario_file(tiny))
    assert code == 2
    assert "transform.n_delay: got 300, expected at most 257" in err


def test_a_message_names_the_key() -> None:
    with pytest.raises(InputError, match=r"sgcs\.n_subbands: got 9, expected 1 to 8"):
        subbands(8, 9, "sgcs.n_subbands")
