"""Compressors of every kind in a scenario: over links that lose nothing, flip bits, and lose reports."""

import copy
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import linksim
from channels.channel_batch import ChannelBatch, Snapshots
from channels.source import Source
from feedback.compressor import Compressor
from feedback.csi_report.scale import ScaleQuantiser
from feedback.plugin_file import compressor_class
from linksim.chain.chain import Chain
from linksim.chain.mean_channel import MeanChannel
from linksim.chain.report_times import ReportTimes
from linksim.errors import InputError
from linksim.preparation.scheme_spec import scheme_specs
from linksim.scenario.file import validate_scenario
from linksim.scenario.model import Scenario
from linksim.scenario.outlines import csi_dimensions
from linksim.scenario.sources import source_of
from linksim.simulation.validity import validity_warnings
from linksim.statistics.measurements import Measurements, merge
from tests.feedback import example_compressors
from tests.feedback.example_compressors import EXAMPLES, FromTheBand, LargeEntries, PhaseCodebook, Refining

FILE = Path(example_compressors.__file__)
LINKS = {
    "perfect": {"name": "perfect"},
    "bsc": {"name": "bsc", "flip_rate": 0.02},
    "uci": {"name": "uci", "snr_db": 1.0, "fading": "rayleigh"},
}
OWN_BITS = (PhaseCodebook, LargeEntries, Refining)


def document(*compressors: type[Compressor], **feedback: Any) -> dict[str, Any]:
    return {
        "name": "codecs",
        "seed": 3,
        "channel": {"source": "sionna", "model": "CDL-C", "n_subcarriers": 26, "n_columns": 4, "speed_m_s": 1.0},
        "estimation": {"name": "perfect"},
        "transform": {"n_delay": 6},
        "compressors": [{"plugin": f"{FILE}:{each.__name__}"} for each in compressors],
        "feedback": feedback,
        "monte_carlo": {"samples": 20},
        "training": {"samples": 20},
    }


def scenario_of(*compressors: type[Compressor], **feedback: Any) -> Scenario:
    return validate_scenario(copy.deepcopy(document(*compressors, **feedback)), "here")


def measured(scenario: Scenario, batch_sizes: tuple[int, ...] = (20,)) -> Measurements:
    source = source_of(scenario)
    scale = ScaleQuantiser(12, (-30.0, 30.0))
    codecs = {
        spec.label: replace(spec.build(), scale=scale if spec.sends_scale else None) for spec in scheme_specs(scenario)
    }
    mean = MeanChannel(torch.full(csi_dimensions(scenario).matrix, 0.1, dtype=torch.complex64))
    chain = Chain(scenario, source, codecs, torch.device("cpu"), mean)
    snapshots, first, total = ReportTimes.of(scenario.feedback).snapshots, 0, {}
    for size in batch_sizes:
        merge(total, chain.measure(channels(source, first, first + size, snapshots), first))
        first += size
    return total


@cache
def channels(source: Source, start: int, stop: int, snapshots: Snapshots) -> ChannelBatch:
    """Test channels, drawn once for all tests."""
    return source.read("test", start, stop, snapshots)


def value(found: Measurements, label: str, metric: str) -> float:
    estimate = found[label, metric].estimate()
    assert estimate is not None
    return estimate.value


def metrics_of(found: Measurements, label: str) -> set[str]:
    return {metric for (one, metric), accumulator in found.items() if one == label and accumulator.estimate()}


def test_the_estimate_over_the_band_is_handed_over_as_it_is() -> None:
    both = document(FromTheBand)
    both["compressors"].append({"name": "identity"})
    found = measured(validate_scenario(both, "here"))
    # All entries of the same matrix, once made by the chain and once by the compressor.
    for metric in ("nmse_db", "nmse_e2e_db", "sgcs", "rate_bps_hz", "overhead"):
        # An error at -65 dB is 5e-4 of a matrix, of which rounding of float32 is another ten thousandth.
        rounding = 2e-3 if metric.endswith("_db") else 1e-4
        assert value(found, "FromTheBand", metric) == pytest.approx(value(found, "identity", metric), abs=rounding)


def test_a_precoder_has_similarity_and_rate_and_no_error_of_a_channel() -> None:
    scenario = scenario_of(PhaseCodebook)
    found = measured(scenario)
    defined = metrics_of(found, "PhaseCodebook")
    assert defined >= {"sgcs", "sgcs_layer2", "rate_bps_hz", "rate_loss_bps_hz", "rate_ratio", "bits"}
    assert defined.isdisjoint({"nmse_db", "nmse_ratio_db", "nmse_e2e_db", "rho", "rho_squared", "overhead"})
    # Two bits for each of 2 layers, 13 subbands and 4 ports.
    assert value(found, "PhaseCodebook", "bits") == 2 * 2 * 13 * 4
    response = source_of(scenario).read("test", 0, 20, Snapshots()).response[:, 0].numpy().astype(complex)
    for layer in (1, 2):
        cosines = []
        for start in range(0, 26, 2):
            _, vectors = np.linalg.eigh(
                np.einsum("bnt,bnu->btu", response[:, start : start + 2].conj(), response[:, start : start + 2])
            )
            true = vectors[:, :, -layer]
            phase = np.round(np.angle(true * true[:, :1].conj()) / (np.pi / 2)) * np.pi / 2
            cosines.append(np.abs((np.exp(-1j * phase) / 2 * true).sum(1)) ** 2)
        name = "sgcs" if layer == 1 else "sgcs_layer2"
        # An eigenvector on the border of a phase cell may fall to either side: at most one of 2000 phases here.
        assert value(found, "PhaseCodebook", name) == pytest.approx(np.mean(cosines), abs=1e-3)


@cache
def over_a_perfect_link(example: type[Compressor]) -> Measurements:
    return measured(scenario_of(example))


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("example", OWN_BITS)
def test_own_bits_cross_every_link_of_bits(example: type[Compressor], link: str) -> None:
    scenario = scenario_of(example, link=LINKS[link])
    name = example.__name__
    found = measured(scenario)
    defined = metrics_of(found, name)
    assert ("report_error_rate" in defined) == (link != "perfect")
    assert ("resource_elements" in defined) == (link == "uci")
    clean = over_a_perfect_link(example)
    for metric in ("bits", "sgcs"):
        assert value(clean, name, metric) >= value(found, name, metric) - 1e-9
    assert value(found, name, "bits") == value(clean, name, "bits")
    # Rows of a batch have their own draws: the same digits whatever is measured at once.
    parts = measured(scenario, (7, 13))
    assert value(parts, name, "sgcs") == pytest.approx(value(found, name, "sgcs"), abs=1e-6)
    if link != "perfect":
        assert value(parts, name, "report_error_rate") == value(found, name, "report_error_rate") > 0


def test_memory_goes_from_the_oldest_report_to_the_newest() -> None:
    errors = []
    for n_reports in (1, 3, 6):
        feedback = {"n_reports": n_reports, "report_period_s": 1e-5, "link": LINKS["perfect"]}
        errors.append(value(measured(scenario_of(Refining, **feedback)), "Refining", "nmse_db"))
    # The channel stands still, and every report halves the error of each number.
    assert errors[0] - errors[1] == pytest.approx(12, abs=2.5)
    assert errors[1] - errors[2] == pytest.approx(18, abs=2.5)


def test_lost_reports_are_told_to_who_asks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    feedback = {"n_reports": 8, "report_period_s": 1e-5, "link": LINKS["uci"] | {"snr_db": 4.0}}
    told = measured(scenario_of(Refining, **feedback))
    assert value(told, "Refining", "report_error_rate") > 0
    # A UE that knows nothing of it goes on from what its BS does not have. It is the class that asks.
    kind = compressor_class(scenario_of(Refining).compressors[0])
    monkeypatch.setattr(kind, "told_of_losses", False)
    assert (
        value(told, "Refining", "nmse_db")
        < value(measured(scenario_of(Refining, **feedback)), "Refining", "nmse_db") - 3
    )


def test_a_lost_precoder_leaves_that_of_the_mean_channel() -> None:
    found = measured(scenario_of(PhaseCodebook, link={"name": "uci", "snr_db": -60.0}))
    assert value(found, "PhaseCodebook", "report_error_rate") == 1
    # A mean that is equal at all delays and angles is one port in every subband, the first.
    response = source_of(scenario_of(PhaseCodebook)).read("test", 0, 20, Snapshots()).response[:, 0]
    rate = torch.log2(1 + 10 * response[:, :, 0].abs().square()).mean()
    assert value(found, "PhaseCodebook", "rate_bps_hz") == pytest.approx(float(rate), rel=1e-5)


@pytest.mark.parametrize(
    ("key", "section", "line"),
    [
        ("quantiser", {"name": "uniform", "bits": 4}, "feedback.quantiser: uniform is not used for PhaseCodebook"),
        ("predictor", {"name": "ar"}, "feedback.predictor: ar is not used for PhaseCodebook"),
    ],
)
def test_stages_that_are_not_used_are_named_once(key: str, section: dict[str, Any], line: str) -> None:
    scenario = scenario_of(PhaseCodebook, **{key: section, "report_period_s": 1e-3})
    assert [one for one in validity_warnings([scenario, scenario]) if one.startswith(line)] != []
    assert sum(one.startswith("feedback.") for one in validity_warnings([scenario, scenario])) == 1


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"feedback": {"link": {"name": "awgn", "snr_db": 10}}},
            "got link 'awgn' with compressor 'PhaseCodebook', which",
        ),
        ({"monte_carlo": {"stop": {"metric": "nmse_db", "half_width": 0.1}}}, "monte_carlo.stop.metric: got 'nmse_db'"),
    ],
)
def test_what_does_not_go_with_precoders_of_bits_is_one_line(changes: dict[str, Any], line: str) -> None:
    with pytest.raises(InputError, match=line.replace("(", r"\(")):
        validate_scenario(document(PhaseCodebook) | changes, "here")


def test_a_rule_for_stopping_says_whom_it_does_not_look_at() -> None:
    given = document(FromTheBand, PhaseCodebook) | {"monte_carlo": {"stop": {"metric": "nmse_db", "half_width": 0.1}}}
    lines = validity_warnings([validate_scenario(given, "here")])
    assert [line for line in lines if line.startswith("monte_carlo.stop.metric: nmse_db is not defined for Phase")]


def test_a_ratio_is_refused_where_there_is_none() -> None:
    given = document(PhaseCodebook)
    given["compressors"][0]["compression_ratio"] = 4
    with pytest.raises(InputError, match=r"compression_ratio: got 4\.0, expected none for PhaseCodebook"):
        validate_scenario(given, "here")


def test_quantisers_learn_from_the_form_that_a_compressor_takes(tmp_path: Path) -> None:
    given = document(FromTheBand, quantiser={"name": "uniform", "bits": 10}, link=LINKS["bsc"] | {"flip_rate": 0})
    given["compressors"].append({"name": "identity", "compression_ratio": 1})
    given["metrics"] = ["nmse_db", "bits"]
    table = linksim.run(given, workers=1, out=tmp_path).table.set_index(["metric", "compressor"])["value"]
    # The same entries of the same training channels, so the same cells: values on a border fall to either side.
    assert table["nmse_db", "FromTheBand"] == pytest.approx(table["nmse_db", "identity"], abs=0.1)
    assert table["bits", "FromTheBand"] == table["bits", "identity"] == 2 * 6 * 4 * 10 + 32


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("name", ["type1", "type2", "etype2", "etype2_port_selection", "topk"])
def test_precoders_cross_every_link_of_bits(name: str, link: str) -> None:
    given = document(PhaseCodebook, link=LINKS[link])
    given["channel"] |= {"n_columns": 4, "n_rows": 2, "polarization": "dual", "n_rx": 2}
    given["sgcs"] = {"n_subbands": 4}
    given["compressors"] = [{"name": name, "rank": 2}]
    if name == "topk":
        given["compressors"][0] |= {"csi": "eigenvectors", "compression_ratio": 8}
        given["feedback"]["quantiser"] = {"name": "sigmoid_uniform", "bits": 8}
    else:
        keys = {"allowed_ranks": [1, 2], "cqi": "subband"}
        given["compressors"].append({"name": name, "label": "chosen", "rank": "auto", **keys})
    found = measured(validate_scenario(given, "here"))
    defined = metrics_of(found, name)
    assert defined >= {"sgcs", "rate_bps_hz", "bits"}
    assert "sgcs_layer2" in defined
    if name != "topk":
        assert 1 <= value(found, "chosen", "rank") <= 2 == value(found, name, "rank")
        assert value(found, "chosen", "sum_rate_bps_hz") >= 0.9 * value(found, name, "sum_rate_bps_hz")
    assert "nmse_db" not in defined
    assert 0.3 < value(found, name, "sgcs") <= 1
    # Wrong level numbers mean others, and no report is lost for them.
    if link == "uci" or (link == "bsc" and name != "topk"):
        assert 0 < value(found, name, "report_error_rate") <= 1


def test_every_example_is_here() -> None:
    assert {FromTheBand, *OWN_BITS} == set(EXAMPLES)
