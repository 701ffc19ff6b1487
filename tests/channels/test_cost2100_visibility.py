"""COST 2100: visibility regions near users, drawn without the others, against whole cells of them."""

import math
from collections import Counter
from typing import Any

import pytest
import torch
from torch import Tensor

from channels.channel_batch import Snapshots
from channels.sources.cost2100.cells import Cells, draw_cells
from channels.sources.cost2100.environment import Environment, load_environment
from channels.sources.cost2100.placement import tracks
from channels.sources.cost2100.regions import RegionDraws, Regions
from channels.sources.cost2100.streams import BlockStreams
from channels.sources.cost2100.visibility import VisibleClusters, visibility_gain, visible_clusters

CPU = torch.device("cpu")
INDOOR = load_environment("indoor")


def streams(n_links: int, seed: int = 1) -> BlockStreams:
    return BlockStreams((seed,), n_links, CPU)


def environment(radius_m: float = 2.72, transition_m: float = 1, **regions: Any) -> Environment:
    """A cell of 6 m, in which a user sees much of what there is."""
    shape = INDOOR.visibility_regions.model_copy(update={"radius_m": radius_m, "transition_m": transition_m, **regions})
    return INDOOR.model_copy(update={"cell_radius_m": 6, "visibility_regions": shape})


def seen(at: Environment, ms_m: Tensor, seed: int = 1) -> VisibleClusters:
    draws = streams(len(ms_m), seed)
    return visible_clusters(draw_cells(at, draws), ms_m, at, 0.0566, draws)


@pytest.mark.parametrize(("name", "expected"), [("outdoor_los", 25.2), ("outdoor_nlos", 23.8), ("indoor", 2.5 * 3.82)])
def test_mean_number_of_visible_regions(name: str, expected: float) -> None:
    at = load_environment(name)
    cells = draw_cells(at, streams(500))
    shape = at.visibility_regions
    near = RegionDraws(cells, torch.zeros(500, 2), shape.radius_m, at.cell_radius_m, streams(500)).near
    count = torch.bincount(near.link, minlength=500).double()
    # Within 4 standard errors.
    assert count.mean().item() == pytest.approx(expected, abs=4 * count.std().item() / math.sqrt(500))
    if cells.group_ends is None:
        assert (cells.n_regions == round(6 * (500 / (shape.radius_m - shape.transition_m)) ** 2)).all()
        # Binomial: the variance is the mean times the share of the cell that is not near.
        assert count.var().item() == pytest.approx(expected, rel=4 * math.sqrt(2 / 500))


def test_groups_are_consecutive_and_fill_every_cell() -> None:
    cells = draw_cells(INDOOR, streams(60))
    assert cells.group_ends is not None
    first, size = cells.regions_of(torch.arange(len(cells.group_ends)))
    assert size.sum() == cells.n_regions.sum()
    # No group reaches over the border of a cell, and every cell begins with one.
    cell = torch.searchsorted(cells.first_region, first, right=True)
    assert torch.equal(cell[size > 0], torch.searchsorted(cells.first_region, (first + size)[size > 0]))
    assert torch.isin(cells.first_region, first[size > 0]).all()
    whole = size[size > 0].double()
    # 1 + Poisson(4); the last of a cell is cut off, one of 230.
    assert whole.mean().item() == pytest.approx(5, abs=4 * 2 / math.sqrt(len(whole)) + 3 / 230)
    assert whole.var().item() == pytest.approx(4, rel=0.1)
    region = torch.arange(int(size.sum()))
    first, size = cells.regions_of(cells.cluster_of(region))
    assert ((region >= first) & (region < first + size)).all()


@pytest.mark.parametrize("distance_m", [0.0, 4.0, 5.5, 7.0])
def test_as_many_regions_are_near_as_the_cell_has_there(distance_m: float) -> None:
    n, radius, cell_radius = 20000, 2.72, 6.0
    cells = Cells(torch.full((n,), 7), torch.arange(n) * 7, None)
    start = torch.tensor([[distance_m, 0.0]]).expand(n, 2)
    near = RegionDraws(cells, start, radius, cell_radius, streams(n)).near
    share = lens(radius, cell_radius, distance_m) / (math.pi * cell_radius**2)
    count = torch.bincount(torch.bincount(near.link, minlength=n), minlength=8) / n
    for k in range(8):
        expected = math.comb(7, k) * share**k * (1 - share) ** (7 - k)
        # Within 4 standard errors of a share of n links.
        assert count[k].item() == pytest.approx(expected, abs=4 * math.sqrt(expected * (1 - expected) / n) + 1e-4)
    assert (near.offset_m.norm(dim=1) < radius * (1 + 1e-6)).all()
    assert ((near.offset_m + start[0]).norm(dim=1) <= cell_radius * (1 + 1e-6)).all()


def lens(a: float, b: float, distance: float) -> float:
    """Area that discs of radii a and b have in common."""
    if distance <= abs(a - b):
        return math.pi * min(a, b) ** 2
    x = (distance**2 + a**2 - b**2) / (2 * distance)
    height = math.sqrt(a**2 - x**2)
    return a**2 * math.acos(x / a) + b**2 * math.acos((distance - x) / b) - distance * height


def test_all_choices_of_regions_are_equally_probable() -> None:
    n = 40000
    cells = Cells(torch.full((n,), 4), torch.arange(n) * 4, torch.arange(n) * 4 + 4)
    near = RegionDraws(cells, torch.zeros(n, 2), 2.0, 5.0, streams(n)).near
    assert (near.number.diff() > 0).all()
    assert torch.equal(near.link, near.number // 4)
    pairs = Counter()
    for link in torch.bincount(near.link, minlength=n).eq(2).nonzero()[:, 0].tolist():
        at = int(torch.searchsorted(near.link, link))
        pairs[tuple((near.number[at : at + 2] % 4).tolist())] += 1
    expected = pairs.total() / 6
    assert len(pairs) == 6
    # Chi-square of 5 degrees of freedom: its 99.99 % quantile.
    assert sum((count - expected) ** 2 / expected for count in pairs.values()) < 25.7


@pytest.mark.parametrize(("radius_m", "group"), [(2.72, 5), (2.72, 1), (4.0, 3)], ids=["near", "alone", "whole cell"])
def test_clusters_are_those_of_whole_cells(radius_m: float, group: float) -> None:
    n = 2000
    at = environment(radius_m, mean_group_size=group)
    start = torch.tensor([[3.0, 1.0]], dtype=torch.float64).expand(n, 1, 2)
    ours = figures(seen(at, start), start[:, 0], n)
    draws = streams(n, seed=2)
    theirs = figures(placed_one_by_one(draw_cells(at, draws), at, start[:, 0], draws), start[:, 0], n)
    for name, values in theirs.items():
        error = math.sqrt((values.var().item() + ours[name].var().item()) / n)
        assert ours[name].mean().item() == pytest.approx(values.mean().item(), abs=4.5 * error), name


def figures(clusters: VisibleClusters, start_m: Tensor, n: int) -> dict[str, Tensor]:
    """Per link: clusters and their square, gain, distance of references from the BS, and references near the user."""
    count = torch.bincount(clusters.link, minlength=n).double()

    def total(values: Tensor) -> Tensor:
        return torch.zeros(n, dtype=torch.float64).index_add_(0, clusters.link, values.double())

    from_user = (clusters.reference_m - start_m[clusters.link]).norm(dim=1)
    return {
        "clusters": count,
        "squared": count.square(),
        "gain": total(clusters.gain[:, 0]),
        "distance": total(clusters.reference_m.norm(dim=1)),
        "near": total(from_user < 1.5),
    }


def placed_one_by_one(cells: Cells, at: Environment, start_m: Tensor, draws: BlockStreams) -> VisibleClusters:
    """The same by placing every region of every cell."""
    generator = draws.generator("every region")
    link = torch.arange(len(start_m)).repeat_interleave(cells.n_regions)
    place = torch.rand(2, len(link), generator=generator)
    turn = 2 * math.pi * place[1]
    centre = (place[0].sqrt() * at.cell_radius_m)[:, None] * torch.stack((turn.cos(), turn.sin()), dim=1)
    regions = Regions(torch.arange(len(link)), link, (centre - start_m[link]).float())
    gain = visibility_gain(regions, torch.zeros(len(start_m), 1, 2), at.visibility_regions, 0.0566)
    cluster = cells.cluster_of(regions.number)
    strongest = torch.zeros(int(cluster.max()) + 1, 1).scatter_reduce_(0, cluster[:, None], gain, "amax")
    chosen = strongest[:, 0].nonzero()[:, 0]
    picked = cells.picked(chosen, torch.rand(len(chosen), generator=generator))
    return VisibleClusters(link[picked], torch.zeros_like(chosen), strongest[chosen], centre[picked], len(chosen))


@pytest.mark.parametrize("group", [1, 5])
def test_as_many_clusters_are_seen_at_the_end_of_a_track_as_at_its_start(group: float) -> None:
    n = 600
    at = environment(1.5, 0.5, mean_group_size=group)
    ms = tracks(
        torch.zeros(n, 2, dtype=torch.float64), 1.0, Snapshots((0.0, 1.0, 3.0)), torch.Generator().manual_seed(1)
    )
    clusters = seen(at, ms)
    count = torch.zeros(n, 3).index_add_(0, clusters.link, (clusters.gain > 0).float())
    # Within 4.5 standard errors of a paired difference.
    for later in (1, 2):
        change = count[:, later] - count[:, 0]
        assert change.mean().abs() < 4.5 * change.std() / math.sqrt(n)
    # A shorter track sees the same clusters as far as it goes, in the same places among those of the link.
    shorter = seen(at, ms[:, :2])
    place = {pair: i for i, pair in enumerate(zip(clusters.link.tolist(), clusters.slot.tolist(), strict=True))}
    same = [place[pair] for pair in zip(shorter.link.tolist(), shorter.slot.tolist(), strict=True)]
    torch.testing.assert_close(clusters.gain[same, :2], shorter.gain, rtol=0, atol=1e-6)
    torch.testing.assert_close(clusters.reference_m[same], shorter.reference_m, rtol=0, atol=1e-5)
    assert clusters.n_near == shorter.n_near < len(shorter.link) < len(clusters.link)


def test_visibility_gain() -> None:
    shape = load_environment("outdoor_los").visibility_regions
    # At the edge of the transition zone, at the centre, at the border, and beyond.
    distances = torch.tensor([16.0, 0.0, 32.79, 32.81])
    regions = Regions(torch.arange(4), torch.arange(4), torch.stack((distances, torch.zeros(4)), dim=1))
    found = visibility_gain(regions, torch.zeros(4, 1, 2), shape, 1.05).flatten()
    scale = 2 * math.sqrt(2) / math.sqrt(1.05 * 16.8)
    expected = [0.5, 0.5 + math.atan(scale * 16) / math.pi, 0.5 - math.atan(scale * 16.79) / math.pi, 0]
    assert found.tolist() == pytest.approx(expected, rel=1e-5)
    # On the way from the centre to the border.
    moved = visibility_gain(
        regions.chosen(torch.tensor([1])), torch.tensor([[[0.0, 0], [0, 16]]]).expand(4, 2, 2), shape, 1.05
    )
    assert moved[0].tolist() == pytest.approx([expected[1], 0.5], rel=1e-5)


def test_a_cluster_counts_once_with_its_strongest_region() -> None:
    at = environment(mean_group_size=5)
    n = 200
    clusters = seen(at, torch.zeros(n, 1, 2, dtype=torch.float64))
    draws = streams(n)
    cells = draw_cells(at, draws)
    near = RegionDraws(cells, torch.zeros(n, 2), 2.72, 6.0, draws).near
    gain = visibility_gain(near, torch.zeros(n, 1, 2), at.visibility_regions, 0.0566)[:, 0]
    strongest: dict[int, float] = {}
    for cluster, value in zip(cells.cluster_of(near.number).tolist(), gain.tolist(), strict=True):
        strongest[cluster] = max(strongest.get(cluster, 0.0), value)
    assert clusters.gain[:, 0].tolist() == pytest.approx([strongest[cluster] for cluster in sorted(strongest)])
    assert len(strongest) < len(near.number)
