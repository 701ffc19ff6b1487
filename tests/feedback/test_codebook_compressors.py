"""Codebooks of TS 38.214 as compressors: payloads of the standard's tables, port order, what the BS makes of bits."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from feedback.codebook_compressor import CodebookCompressor
from feedback.codebooks.targets import covariances, eigenvectors, squared_cosines
from feedback.compressor import NO_MEMORY, Compressor
from feedback.compressors.etype2 import EnhancedType2
from feedback.compressors.etype2_doppler import EnhancedType2Doppler
from feedback.compressors.etype2_port_selection import EnhancedType2PortSelection
from feedback.compressors.type1 import Type1
from feedback.compressors.type2 import Type2
from feedback.conformance.candidate import delivered
from feedback.errors import FeedbackInputError
from feedback.observation import CsiDimensions
from feedback.plugin_file import build_compressor
from linksim.subbands import subbands

GOLDEN = Path(__file__).resolve().parents[3] / "shared/data/codebook_golden.json"
CODEBOOKS: dict[str, type[CodebookCompressor]] = {"type1": Type1, "type2": Type2, "etype2": EnhancedType2}
CODEBOOKS |= {"etype2_port_selection": EnhancedType2PortSelection, "etype2_doppler": EnhancedType2Doppler}


def sizes(n1: int, n2: int, n_subbands: int = 13, width: int = 4, n_rx: int = 1) -> CsiDimensions:
    bands = tuple((band.start, band.stop) for band in subbands(n_subbands * width, n_subbands))
    return CsiDimensions(8, 2 * n1 * n2, n_rx, n_polarizations=2, n_rows=n2, bands=bands)


def made(name: str, dimensions: CsiDimensions, **keys: Any) -> CodebookCompressor:
    kind = CODEBOOKS[name]
    built = build_compressor(kind.Parameters.model_validate({"name": name, **keys}), dimensions)
    assert isinstance(built, CodebookCompressor)
    return built


# PMI bits and those of the indicator in part 1, 32 ports (8, 2), 13 subbands: the tables of 38.212 and 38.214.
@pytest.mark.parametrize(
    ("rank", "pmi", "indicator"),
    [
        (1, [62, 91, 111, 168, 225, 279, 243, 328], [2, 3, 3, 4, 5, 5, 5, 6]),
        (2, [113, 169, 207, 319, 431, 539, 467, 635], [3, 4, 4, 5, 6, 6, 6, 7]),
        (3, [100, 156, 187, 299, 471, 527], [3, 4, 4, 5, 6, 6]),
        (4, [111, 167, 207, 319, 511, 567], [3, 4, 4, 5, 6, 6]),
    ],
)
def test_largest_payloads_of_enhanced_type2(rank: int, pmi: list[int], indicator: list[int]) -> None:
    found = [made("etype2", sizes(8, 2), param_combination=i + 1, rank=rank).length for i in range(len(pmi))]
    assert found == [a + b for a, b in zip(pmi, indicator, strict=True)]


@pytest.mark.parametrize(
    ("n_beams", "n_phases", "subband_amplitude", "pmi"),
    [(2, 4, False, (100, 189)), (2, 8, True, (178, 345)), (3, 8, True, (240, 466)), (4, 4, True, (286, 557))],
)
def test_largest_payloads_of_type2(n_beams: int, n_phases: int, subband_amplitude: bool, pmi: tuple[int, int]) -> None:
    keys = {"n_beams": n_beams, "n_phases": n_phases, "subband_amplitude": subband_amplitude}
    # An indicator of 1 to 2 L - 1 other amplitudes for each layer.
    indicator = (2 * n_beams - 2).bit_length()
    for rank in (1, 2):
        assert made("type2", sizes(8, 2), rank=rank, **keys).length == pmi[rank - 1] + rank * indicator


def test_payloads_of_type1() -> None:
    def bits(**keys: Any) -> int:
        return made("type1", sizes(8, 2), **keys).length

    assert [bits(wideband=True), bits(), bits(mode=2), bits(rank=2), bits(rank=2, mode=2)] == [10, 34, 58, 23, 47]
    assert [bits(rank=3), bits(rank=4)] == [22, 22]


def ray(dimensions: CsiDimensions, first: int, second: int, cophase: float) -> Tensor:
    """The precoder of one ray on the oversampled grid, ``[n_tx]``; columns are the first dimension."""
    rows, columns = torch.arange(dimensions.n_rows), torch.arange(dimensions.n_columns)
    along = torch.exp(2j * torch.pi * first * columns / (4 * dimensions.n_columns))
    up = torch.exp(2j * torch.pi * second * rows / (4 * dimensions.n_rows))
    beam = up[:, None] * along
    return torch.cat([beam.flatten(), torch.exp(torch.tensor(1j * cophase)) * beam.flatten()])


def csi_of(compressor: Compressor, response: Tensor) -> Tensor:
    """Channels ``[batch, n_points, n_rx, n_tx]`` in the form that a codebook takes."""
    if compressor.takes == "estimate":
        return response.transpose(1, 2)
    vectors, _ = eigenvectors(covariances(response, compressor.dimensions.slices), compressor.n_layers)
    return vectors.permute(0, 3, 1, 2).to(torch.complex64)


@pytest.mark.parametrize("name", CODEBOOKS)
def test_a_ray_on_the_grid_comes_back_in_its_ports(name: str) -> None:
    dimensions = sizes(4, 2)
    compressor = made(name, dimensions)
    # Port selection has beams of one rotation only.
    wanted = ray(dimensions, *((8, 4) if name == "etype2_port_selection" else (3, 5)), torch.pi / 2)
    # Received is H w, so that the ray's channel is the conjugate of the precoder that fits it.
    response = wanted.conj().to(torch.complex64).expand(1, 52, 1, 16)
    rebuilt = compressor.decode(delivered(compressor.encode(csi_of(compressor, response))))
    cosine = (rebuilt[0, 0].conj() @ wanted.to(torch.complex64)).abs() / 4
    # Rounding of float32 products of 16 terms; Type II has the beam on its rotated grid, and the phase 90 degrees.
    assert (cosine.square() - 1).abs().max() < 1e-5


def rays_of(known: dict[str, Any]) -> Tensor:
    """The reference's channel, one point a subband, ``[1, 13, 2, 16]``, complex128, ports in the standard's order."""
    t, total = torch.arange(known["N3"]), torch.zeros(known["N3"], 2, 16, dtype=torch.complex128)
    first, second = torch.arange(4)[:, None], torch.arange(2)
    for values in known["rays"]:
        u, w, d, g, gp, a0, p0, a1, p1, rx = torch.tensor(values, dtype=torch.float64)
        beam = torch.exp(2j * torch.pi * (u * first + w * second)).flatten()
        port = torch.cat([a0 * torch.exp(1j * p0) * beam, a1 * torch.exp(1j * p1) * beam]).conj()
        antennas = torch.stack([torch.ones_like(rx), torch.exp(1j * rx)])
        turned = g * torch.exp(1j * gp) * torch.exp(-2j * torch.pi * d * t / known["N3"])
        total += torch.einsum("t,r,p->trp", turned, antennas, port)
    return total[None]


@pytest.mark.skipif(not GOLDEN.exists(), reason="no reference data beside the repository")
@pytest.mark.parametrize(
    ("name", "keys", "expected"),
    [
        ("type1", {}, 0.9057),
        ("type2", {"n_beams": 2, "n_phases": 4}, 0.9371),
        ("type2", {"n_beams": 4, "subband_amplitude": True}, 0.9703),
        *(("etype2", {"param_combination": i + 1}, e) for i, e in enumerate((0.9346, 0.9399, 0.9549, 0.9637))),
    ],
)
def test_similarity_of_two_other_programs(name: str, keys: dict[str, Any], expected: float) -> None:
    known = json.loads(GOLDEN.read_text())["ray_channel"]
    response = rays_of(known)
    dimensions = CsiDimensions(8, 16, response.shape[2], 2, 2, tuple((i, i + 1) for i in range(13)))
    # Stored in the standard's port order; the simulator's has columns fastest.
    there = torch.arange(16).view(2, 4, 2).transpose(1, 2).flatten()
    response = response[..., there]
    compressor = made(name, dimensions, **keys)
    rebuilt = compressor.decode(delivered(compressor.encode(csi_of(compressor, response.to(torch.complex64)))))
    target, _ = eigenvectors(covariances(response, dimensions.slices), 1)
    found = squared_cosines(rebuilt.permute(0, 2, 3, 1).to(torch.complex128), target)
    # Selections of the UE differ a little, as the standard leaves them open.
    assert float(found.mean()) == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("name", CODEBOOKS)
def test_bits_are_counted_to_the_last(name: str) -> None:
    dimensions = sizes(4, 2, n_rx=2)
    compressor = made(name, dimensions, rank=2)
    response = torch.randn(30, 52, 2, 16, dtype=torch.complex64, generator=torch.Generator().manual_seed(1))
    sent = compressor.encode(csi_of(compressor, response))
    if name == "type1":
        assert sent.bits == compressor.length == sent.values.shape[1]
        return
    assert isinstance(sent.bits, Tensor)
    assert int(sent.bits.max()) == sent.values.shape[1] <= compressor.length == sent.max_bits
    # The last bit decides something: without it, another report, or none.
    whole, _ = compressor.rebuild(sent, NO_MEMORY)
    assert whole.erased is not None
    assert not whole.erased.any()
    for row in range(5):
        last = int(sent.bits[row]) - 1
        other = delivered(sent)
        other.values[row, last] = 1 - other.values[row, last]
        rebuilt, _ = compressor.rebuild(other, NO_MEMORY)
        assert rebuilt.erased is not None
        changed = (rebuilt.csi[row] - whole.csi[row]).abs().max() > 1e-3
        assert rebuilt.erased[row] or changed


@pytest.mark.parametrize(
    ("name", "dimensions", "line"),
    [
        ("etype2", CsiDimensions(8, 32), "etype2: got a BS array of one polarisation, expected two"),
        ("type2", sizes(5, 1), "ports: got N1 x N2 = 5 x 1, expected one of"),
        ("type2", sizes(2, 1), "n_beams: got 4 with 4 ports, expected 2 to 4, and 2 with 4 ports"),
        ("etype2", sizes(2, 1), "param_combination: got 4 with 4 ports, expected 1 or 2"),
    ],
)
def test_arrays_without_codebook_are_one_line(name: str, dimensions: CsiDimensions, line: str) -> None:
    with pytest.raises(FeedbackInputError, match=line.replace("(", r"\(")):
        made(name, dimensions)


@pytest.mark.parametrize(("step", "first_bits"), [(1, 4), (2, 3), (3, 3), (4, 2)])
def test_payload_of_port_selection(step: int, first_bits: int) -> None:
    """That of ``etype2`` with i11 of as many values as ports may begin at, and no i12 (TS 38.214, 5.2.2.2.6)."""
    for rank, pmi in ((1, 168), (2, 319), (4, 319)):
        found = made("etype2_port_selection", sizes(8, 2), rank=rank, port_step=step).length
        # i11 of 16 rotations and i12 of 1820 sets of four beams.
        assert found == pmi - 4 - 11 + first_bits + (4 if rank == 1 else 5)


@pytest.mark.parametrize("csi_rs", ["beams", "antennas"])
@pytest.mark.parametrize("first", [0, 3, 14])
def test_what_lies_on_neighbouring_ports_comes_back(csi_rs: str, first: int) -> None:
    """One tap and phases of the table on ports from ``first`` on, around the last one as well, are reported exactly."""
    dimensions = sizes(8, 2)
    compressor = made("etype2_port_selection", dimensions, csi_rs=csi_rs)
    on_ports = torch.zeros(32, dtype=torch.complex128)
    on_ports[torch.tensor([first, (first + 1) % 16, 16 + (first + 3) % 16])] = torch.tensor(
        [1, -1j, 1j / 2], dtype=on_ports.dtype
    )
    wanted = on_ports.view(2, 16)
    if csi_rs == "beams":
        wanted = wanted @ compressor.layout.rotated_bases()[0]
    wanted = wanted.unflatten(1, (8, 2)).transpose(1, 2).flatten()
    response = wanted.conj().to(torch.complex64).expand(1, 52, 1, 32)
    rebuilt = compressor.decode(delivered(compressor.encode(csi_of(compressor, response))))
    cosine = (rebuilt[0, 0].to(torch.complex128).conj() @ wanted).abs() / wanted.norm()
    assert (cosine.square() - 1).abs().max() < 1e-5


def test_port_selection_of_a_chosen_rank_sees_the_beams_too() -> None:
    """Eigenvectors of the array turned to the beams are those of the channel through the beams."""
    dimensions = sizes(4, 2, n_rx=2)
    response = torch.randn(4, 52, 2, 16, dtype=torch.complex64, generator=torch.Generator().manual_seed(3))
    plain = made("etype2_port_selection", dimensions, rank=2)
    chosen = made("etype2_port_selection", dimensions, rank="auto", allowed_ranks=[2])
    one = plain.decode(delivered(plain.encode(csi_of(plain, response))))
    other = chosen.decode(delivered(chosen.encode(response.transpose(1, 2))))
    # Eigenvectors of float32 and float64, quantised alike but at the border of a cell.
    assert ((one - other).abs().amax((1, 2, 3)) < 1e-5).sum() >= 3


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ({"port_step": 3, "param_combination": 1}, "port_step: got 3, expected 1 to 2"),
        ({"param_combination": 7}, "param_combination"),
        ({"port_step": 5}, "port_step"),
    ],
)
def test_wrong_port_selections(keys: dict[str, Any], line: str) -> None:
    with pytest.raises(ValueError, match=line):
        made("etype2_port_selection", sizes(8, 2), **keys)
