"""Deployment against brute force over the grid, with costs written down from the papers' layer tables."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from feedback.compressor import COMPRESSORS
from linksim.deployment.sizing import Deployment, OperatingPoint, Resources, deploy_acrnet, deploy_deq
from linksim.errors import InputError

Command = Callable[..., tuple[int, str, str]]

SHAPE = (16, 16)
BOUNDS = ("ue_macs", "bs_macs", "ue_bytes", "bs_bytes")


def acrnet_cost(shape: tuple[int, int], ratio: int, k: int, layers: str) -> Resources:
    """ACRNet's layers by hand: 5x5 2->2; blocks of 1x9, 9x1 (UE) and 1x9, 7x7 in pairs, 9x1 (BS); FC."""
    places = shape[0] * shape[1]
    length = 2 * places // ratio
    fc = 2 * places * length
    ue_numbers = 100 + 6 + 2 * (2 * 36 + 2 * 6)
    bs_numbers = 100 + 6 + 2 * (8 * k * (18 + 98 + 18) + 2 * 8 * k * 3 + 6)
    ue_binary, bs_binary = layers != "full", layers == "both"
    return Resources(
        ue_macs=places * (100 + 2 * 2 * 36) + fc,
        bs_macs=places * (100 + 2 * 8 * k * (18 + 98 + 18)) + fc,
        ue_bytes=4 * (ue_numbers + length) + (fc // 8 + 4 if ue_binary else 4 * fc),
        bs_bytes=4 * (bs_numbers + 2 * places) + (fc // 8 + 4 if bs_binary else 4 * fc),
    )


def brute_force(limits: Resources, shape: tuple[int, int]) -> tuple[int, int, str, int] | None:
    """The preferred of all that fit: at least 2 bits a value, small ratio, few binary layers, large k."""
    assert limits.bits is not None
    choices = []
    for ratio, bits, layers, k in itertools.product(
        (4, 8, 16, 32, 64), range(1, 9), ("full", "encoder", "both"), range(1, 101)
    ):
        cost = acrnet_cost(shape, ratio, k, layers)
        over = [getattr(cost, name) > (getattr(limits, name) or 10**12) for name in BOUNDS]
        if bits * 2 * shape[0] * shape[1] // ratio <= limits.bits and not any(over):
            rank = (bits >= 2, -ratio, bits, -("full", "encoder", "both").index(layers), k)
            choices.append((rank, (ratio, bits, layers, k)))
    return max(choices)[1] if choices else None


def choice_of(deployment: Deployment) -> tuple[int, int, str, int]:
    section = deployment.section
    layers = "full" if section["name"] == "acrnet" else "both" if "decoder_fc" in section else "encoder"
    assert deployment.point.value_bits is not None
    return int(deployment.point.ratio), deployment.point.value_bits, layers, int(section["expansion"])


@pytest.mark.parametrize(
    "limits",
    [
        Resources(512, bs_macs=2_000_000),
        Resources(512, bs_macs=2_000_000, ue_bytes=100_000),
        Resources(512, bs_macs=2_000_000, ue_bytes=100_000, bs_bytes=60_000),
        Resources(512, bs_macs=700_000, bs_bytes=282_000),
        Resources(100, bs_macs=100_000_000),
        Resources(20, bs_macs=3_000_000),
        Resources(9, bs_macs=3_000_000),
        Resources(2000, bs_macs=1_000_000, ue_macs=80_000),
        Resources(512, bs_bytes=30_000, ue_bytes=3_000),
    ],
)
def test_acrnet_is_the_best_of_the_grid(limits: Resources) -> None:
    deployment = deploy_acrnet(limits, SHAPE)
    assert choice_of(deployment) == brute_force(limits, SHAPE)
    expected = acrnet_cost(SHAPE, *(choice_of(deployment)[index] for index in (0, 3, 2)))  # type: ignore[arg-type]
    assert all(getattr(deployment.cost, name) == getattr(expected, name) for name in BOUNDS)
    assert not deployment.cost.beyond(limits)


def test_acrnet_at_the_figures_of_its_paper() -> None:
    # Table I: 24.40 M multiply-adds in all, 1.30 M of them at the UE, with k = 10 at 1/4; 2.2 M more for k = 11.
    # Fig. 15: 2048 bits are spent best with eta = 1/4 and B = 4.
    full = deploy_acrnet(Resources(2048, bs_macs=24_000_000), (32, 32))
    assert choice_of(full) == (4, 4, "full", 10)
    assert full.cost == Resources(2048, 1_298_432, 23_105_536, 4 * 1_049_362, 4 * (2_122_504 - 1_049_362))
    # Table IV, in units of 1000 numbers of 4 bytes: 34 at the UE and 57 at the BS with both FC layers binary.
    binary = deploy_acrnet(Resources(2048, bs_macs=24_000_000, ue_bytes=150_000, bs_bytes=250_000), (32, 32))
    assert choice_of(binary) == (4, 4, "both", 10)
    assert binary.cost.ue_bytes is not None
    assert binary.cost.bs_bytes is not None
    assert round(binary.cost.ue_bytes / 4000) == 34
    assert round(binary.cost.bs_bytes / 4000) == 57


@pytest.mark.parametrize(
    ("limits", "needed"),
    [
        (Resources(512, bs_macs=500_000), ["bs_macs"]),
        (Resources(512, ue_bytes=1000), ["ue_bytes"]),
        (Resources(512, bs_macs=20_000_000, bs_bytes=2000, ue_macs=1000), ["bs_bytes", "ue_macs"]),
    ],
)
def test_says_the_least_that_would_fit(limits: Resources, needed: list[str]) -> None:
    assert brute_force(limits, SHAPE) is None
    with pytest.raises(InputError, match=r"nothing fits; --.* or more for the closest, b?acrnet") as caught:
        deploy_acrnet(limits, SHAPE)
    smallest = acrnet_cost(SHAPE, 64, 1, "both")
    for name in needed:
        least = getattr(smallest, name)
        option = f"--{name.replace('_', '-')}"
        assert f"{option}: got {getattr(limits, name)}, expected {least}" in str(caught.value)
        # What the line says is enough.
        limits = Resources(**{**vars(limits), name: least})
    deploy_acrnet(limits, SHAPE)


@pytest.mark.parametrize(
    ("ue_macs", "bs_macs", "expected"),
    # Table I of the paper: 3.25 M at the UE with Te = 10 and eta = 1/4; its blocks are matched within 5 %.
    [(3_300_000, 40_000_000, (10, None)), (1_400_000, 25_000_000, (1, 1)), (None, None, (10, 5))],
)
def test_deq_spends_its_multiply_adds(
    ue_macs: int | None, bs_macs: int | None, expected: tuple[int | None, int | None]
) -> None:
    deployment = deploy_deq(Resources(None, ue_macs, bs_macs), (32, 32), ratio=4)
    iterations = deployment.section["ue_iterations"], deployment.section["bs_iterations"]
    assert all(want in (None, got) for want, got in zip(expected, iterations, strict=True))
    network_class = COMPRESSORS.get_class("deq")

    def macs(ue: int, bs: int) -> tuple[int, int]:
        parameters = network_class.Parameters(compression_ratio=4, ue_iterations=ue, bs_iterations=bs)
        cost = network_class(parameters, (32, 32)).complexity()
        return cost.ue_macs, cost.bs_macs

    ue, bs = map(int, iterations)
    assert (deployment.cost.ue_macs, deployment.cost.bs_macs) == macs(ue, bs)
    one_more = macs(ue + 1, bs + 1)
    for limit, here, beyond in zip((ue_macs, bs_macs), macs(ue, bs), one_more, strict=True):
        assert limit is None or here <= limit < beyond


def test_deq_takes_the_ratio_that_its_budget_allows() -> None:
    # FC layers of 1/4 and 1/8 alone take 1.05 M and 0.52 M.
    deployment = deploy_deq(Resources(4096, ue_macs=1_000_000), (32, 32))
    assert deployment.point == OperatingPoint(8.0, 8)
    with pytest.raises(InputError, match=r"--ue-macs: got 2000, expected \d+ or more for the closest, deq"):
        deploy_deq(Resources(4096, ue_macs=2000), (32, 32))


@pytest.mark.parametrize("compressor", ["acrnet", "deq"])
def test_snippet_is_part_of_a_scenario(
    compressor: str,
    command: Command,
    tiny: dict[str, Any],
    scenario_file: Callable[[dict[str, Any]], Path],
) -> None:
    shape = ("--n-delay", "8", "--n-tx", "8")
    arguments = ("deploy", "--compressor", compressor, "--bits", "100", "--bs-macs", "3000000", *shape)
    code, out, err = command(*arguments, "--yaml")
    assert (code, err) == (0, "")
    document = yaml.safe_load(out)
    assert document["compression_ratio"] == 4
    assert document["feedback"]["quantiser"] == {"name": "sigmoid_uniform", "bits": 3}
    assert command("validate", scenario_file(tiny | document))[0] == 0
    code, table, err = command(*arguments)
    assert (code, err) == (0, "")
    assert out in table
    for part in ("feedback bits (eq. 13)", "96", "100", "BS multiply-adds", "3 000 000"):
        assert part in table


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "deploy: got neither --bits nor --compression-ratio, expected one of them or both"),
        (("--bits", "10"), "--bits: got 10, expected at least 32, one for each of 32 values"),
        (("--compression-ratio", "3"), "compression_ratio: got 3, which gives a codeword of 682.667 values"),
        (("--bits", "0"), "--bits"),
        (("--bits", "2048", "--n-tx", "7", "--n-delay", "3"), "got 3 x 7, expected a matrix whose 42 real values"),
        (("--compressor", "deq", "--bits", "64", "--n-tx", "1", "--n-delay", "1"), "got 1 x 1, expected a matrix"),
    ],
)
def test_bad_input_is_one_line(arguments: tuple[str, ...], message: str, command: Command) -> None:
    code, _, err = command("deploy", *arguments)
    assert code == 2
    assert len(err.splitlines()) == 1
    assert message in err
