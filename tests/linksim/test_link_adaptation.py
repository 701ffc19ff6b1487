"""Link adaptation: the standard's tables, block sizes, error rates, effective SINR, CQI, MCS, throughput."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from linksim.errors import InputError
from linksim.link_adaptation.adaptation import LinkAdaptation
from linksim.link_adaptation.coding_schemes import TABLES
from linksim.link_adaptation.effective_sinr import effective_sinr
from linksim.link_adaptation.parameters import LinkAdaptationParameters
from linksim.metrics import METRICS
from linksim.metrics.throughput import ADAPTED_METRICS
from linksim.precoding import unit_vectors
from linksim.scenario.file import validate_scenario
from tests.linksim.made_up_outcome import BATCH, N, made_up_outcome, random_tensor, value_of

EVERY = [(name, index, scheme) for name, tables in TABLES.items() for index, scheme in enumerate(tables.mcs)]


def adaptation(data_share: float = 13 / 14, n_subcarriers: int = 120, **section: object) -> LinkAdaptation:
    return LinkAdaptation(LinkAdaptationParameters(**section), n_subcarriers, data_share)


def flat(decibels: float | list[float], n_layers: int = 1, n_subcarriers: int = 4) -> tuple[Tensor, Tensor]:
    """Samples whose subcarriers and layers all have one SINR."""
    sinr = 10 ** (torch.tensor(decibels, dtype=torch.float64).reshape(-1, 1, 1) / 10)
    return sinr.expand(-1, n_subcarriers, n_layers), torch.ones(len(sinr), n_layers, dtype=torch.bool)


def test_effective_sinr_is_the_mapping_by_definition_and_that_of_equal_sinrs() -> None:
    sinr = random_tensor(3, 5, 2, seed=1).abs().double() * 10
    sent = torch.tensor([[True, True], [True, False], [False, False]])
    found = effective_sinr(sinr, sent, torch.tensor([5.0]))
    by_hand = [
        -5 * math.log(np.exp(-sinr[0].numpy() / 5).mean()),
        -5 * math.log(np.exp(-sinr[1, :, 0].numpy() / 5).mean()),
    ]
    assert found.tolist() == pytest.approx([*by_hand, 0.0], rel=1e-12)
    equal = torch.full((1, 7, 1), 1e6, dtype=torch.float64)
    assert effective_sinr(equal, equal[:, 0] > 0, torch.tensor([1.6])).item() == pytest.approx(1e6)


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("target", [0.1, 1e-3])
def test_chosen_mcs_keeps_the_target_over_awgn_and_the_next_cqi_would_not(name: str, target: float) -> None:
    link = adaptation(mcs_table=name, target_bler=target)
    sinr, sent = flat(list(np.arange(-5.0, 30.0, 0.37)))
    cqi = link.cqi(sinr, sent)
    assert sorted(set(cqi.tolist())) == list(range(min(cqi.tolist()), 16))
    found = link.transmission(sinr, sent, link.mcs(cqi, sent))
    assert (found.bler[cqi >= 2] <= target).all()
    higher = cqi[(cqi < 15) & (cqi > 0)] + 1
    rows = (cqi < 15) & (cqi > 0)
    assert (link.transmission(sinr[rows], sent[rows], link.mcs(higher, sent[rows])).bler > target).all()


def test_backoff_is_taken_off_the_sinr_of_the_cqi() -> None:
    sinr, sent = flat([3.0, 8.0, 13.0])
    lower, _ = flat([1.0, 6.0, 11.0])
    assert torch.equal(adaptation(backoff_db=2).cqi(sinr, sent), adaptation().cqi(lower, sent))


@pytest.mark.parametrize("retransmissions", [0, 1, 3])
def test_throughput_rises_with_the_snr_and_stays_below_capacity_times_the_share(retransmissions: int) -> None:
    link = adaptation(data_share=0.8, retransmissions=retransmissions)
    decibels = np.arange(-12.0, 40.0, 0.5)
    sinr, sent = flat(list(decibels))
    carried = link.transmission(sinr, sent, link.mcs(link.cqi(sinr, sent), sent)).throughput.numpy()
    assert (carried <= 0.8 * np.log2(1 + 10 ** (decibels / 10)) * (1 + 1e-9)).all()
    # A step of half a decibel that moves the CQI may cost up to the target's share of blocks, never more.
    assert (np.diff(carried) >= -0.1 * carried[1:]).all()
    # The table's last scheme; sizes of blocks are rounded by 2^-5 at most.
    assert carried[-1] == pytest.approx(0.8 * TABLES["qam256"].mcs[-1].efficiency, rel=2**-5)
    fixed = link.transmission(sinr, sent, torch.full((len(sinr),), 12)).throughput
    assert (fixed.diff() >= 0).all()


def test_retransmissions_are_the_closed_form_of_a_renewal() -> None:
    """Twice the SINR at the second transmission, three times at the third."""
    sinr, sent = flat([4.0])
    mcs = torch.tensor([10])
    rates = [adaptation().transmission(sinr * count, sent, mcs).bler.item() for count in (1, 2, 3)]
    assert rates[0] > 0.99 > 0.5 > rates[2]
    whole = adaptation().transmission(sinr * 1e4, sent, mcs).throughput.item()
    carried = adaptation(retransmissions=2).transmission(sinr, sent, mcs).throughput.item()
    assert carried == pytest.approx(whole * (1 - rates[2]) / (1 + rates[0] + rates[1]), rel=1e-12)


def test_layers_share_a_block_and_those_that_are_not_sent_do_not_count() -> None:
    link = adaptation()
    two, sent = flat([14.0], n_layers=2)
    mcs = torch.tensor([12])
    carried = link.transmission(two, sent, mcs)
    padded = torch.cat([two, torch.zeros(1, 4, 1, dtype=torch.float64)], dim=2)
    same = link.transmission(padded, torch.tensor([[True, True, False]]), mcs)
    assert same.throughput.item() == carried.throughput.item()
    one, alone = flat([14.0])
    # Steps of sizes are 2^-5 of them at most.
    assert carried.throughput.item() == pytest.approx(
        2 * link.transmission(one, alone, mcs).throughput.item(), rel=2**-4
    )


def test_nothing_arrives_where_pilots_take_all() -> None:
    sinr, sent = flat([20.0])
    link = adaptation(data_share=0.0)
    assert link.transmission(sinr, sent, link.mcs(link.cqi(sinr, sent), sent)).throughput.item() == 0


@pytest.mark.parametrize("layers", ["first", "all"])
def test_reports_of_the_channel_in_use_have_the_throughput_of_perfect_csi(layers: str) -> None:
    outcome = replace(made_up_outcome(moving=False), link_adaptation=LinkAdaptationParameters(layers=layers))
    known = outcome.with_report(outcome.csi_true, bits=1, overhead=None)
    # Truncated matrices are not whole channels: those of the response itself are.
    known.__dict__["known_report"] = outcome.true_report
    adapted = replace(known, cqi=known.best_cqi)
    adapted.__dict__["known_report"] = outcome.true_report
    torch.testing.assert_close(adapted.transmission.throughput, outcome.transmission_perfect.throughput)


def test_metrics_are_means_of_the_transmission_and_below_the_rate() -> None:
    outcome = made_up_outcome()
    carried = outcome.transmission
    assert value_of("throughput_bps_hz", outcome) == pytest.approx(float(carried.throughput.mean()))
    assert value_of("bler", outcome) == pytest.approx(float(carried.bler.mean()))
    assert value_of("mcs", outcome) == pytest.approx(float(carried.mcs.double().mean()))
    best = replace(outcome, cqi=outcome.best_cqi)
    assert 0 < value_of("throughput_bps_hz", best) < value_of("rate_net_bps_hz", outcome)


def test_a_precoder_of_several_layers_is_sent_whole_where_the_scenario_says_so() -> None:
    outcome = replace(made_up_outcome(), link_adaptation=LinkAdaptationParameters(layers="all"))
    layers = unit_vectors(random_tensor(BATCH, 2, 13, 8, seed=4))
    seen = outcome.with_report(None, bits=1, overhead=None, precoder_reported=layers)
    sinr, sent = seen.sinr
    assert sinr.shape == (BATCH, N, 2)
    assert sent.all()
    first = replace(seen, link_adaptation=LinkAdaptationParameters())
    assert first.sinr[0].shape == (BATCH, N, 1)


def test_a_batch_has_the_digits_of_its_samples() -> None:
    outcome = made_up_outcome()
    for place in range(BATCH):
        kept = torch.arange(BATCH) == place
        assert torch.equal(outcome.only(kept).transmission.throughput, outcome.transmission.throughput[kept])


def test_metrics_of_throughput_are_all_on_request_and_need_a_cqi() -> None:
    assert all(METRICS.get_class(name).on_request for name in ADAPTED_METRICS)
    with pytest.raises(ValueError, match="cqi: got None"):
        _ = replace(made_up_outcome(), cqi=None).transmission


@pytest.mark.parametrize(
    ("section", "line"),
    [
        ({"target_bler": 1.5}, r"link_adaptation\.target_bler"),
        ({"mcs_table": "qam1024"}, r"link_adaptation\.mcs_table"),
        ({"retransmission": 1}, r"link_adaptation\.retransmission: unknown key, did you mean"),
    ],
)
def test_bad_sections_are_one_line_that_names_the_key(section: dict[str, object], line: str) -> None:
    document = {"name": "x", "channel": {"source": "cost2100"}, "compressors": [{"name": "topk"}]}
    with pytest.raises(InputError, match=line) as error:
        validate_scenario({**document, "link_adaptation": section}, "x")
    assert "\n" not in str(error.value)
