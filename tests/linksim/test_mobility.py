"""Sequences of reports through the chain: what the BS remembers, and what it predicts from that."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
import torch

from feedback.csi_report.codeword import Codeword
from feedback.csi_report.scale import ScaleQuantiser
from feedback.link import FeedbackLink, NormalDraw
from feedback.links.perfect import Perfect, PerfectParameters
from linksim.chain.chain import Chain
from linksim.chain.report_times import ReportTimes
from linksim.preparation.scheme_spec import scheme_specs
from linksim.scenario.model import Scenario
from linksim.scenario.sources import source_of
from linksim.scenario.sweep import points_of
from linksim.statistics.measurements import Measurements

Command = Callable[..., tuple[int, str, str]]
ScenarioFile = Callable[[dict[str, Any]], Path]
Run = Callable[..., pd.DataFrame]
PREDICTORS = ["hold", "ar", "kalman"]


@pytest.fixture
def mobile(tiny: dict[str, Any]) -> dict[str, Any]:
    tiny["channel"]["speed_m_s"] = 10
    tiny["channel"]["carrier_hz"] = 3.5e9
    # Enough rows that what is cut off does not hide the error of prediction.
    tiny["transform"]["n_delay"] = 32
    tiny["monte_carlo"]["samples"] = 50
    tiny |= {"sweeps": {}, "compressors": [{"name": "identity"}, {"name": "topk"}], "snr_db": 20}
    tiny["feedback"] = {"delay_s": 1e-3, "report_period_s": 1e-3}
    tiny["metrics"] = ["nmse_db", "nmse_e2e_db", "rate_bps_hz"]
    return tiny


def value(table: pd.DataFrame, metric: str, compressor: str = "identity", **axes: float | str) -> float:
    rows = table[(table.metric == metric) & (table.compressor == compressor)]
    for axis, at in axes.items():
        rows = rows[rows[axis.replace("__", ".")] == at]
    assert len(rows) == 1
    return float(rows.iloc[0].value)


def test_holding_depends_on_no_earlier_report(mobile: dict[str, Any], run: Run) -> None:
    mobile["feedback"]["link"] = {"name": "awgn", "snr_db": 10}
    several = run(mobile, "--set", "feedback.n_reports=4")
    mobile["feedback"].pop("report_period_s")
    # The channels are made together with those of the earlier reports, in sums of another order.
    pd.testing.assert_frame_equal(several, run(mobile), rtol=1e-6)


@pytest.mark.validate
def test_predictors_beat_holding_on_the_same_channels(mobile: dict[str, Any], run: Run) -> None:
    mobile["sweeps"] = {"p": {"feedback.predictor.name": PREDICTORS, "feedback_delay_s": [0.0, 0.5e-3, 1e-3]}}
    table = run(mobile)
    for compressor in ("identity", "topk"):
        for delay_s in (0.0, 0.5e-3, 1e-3):
            at = {name: {"feedback__predictor__name": name, "feedback_delay_s": delay_s} for name in PREDICTORS}
            # Quality of the newest report itself, the same whatever is made of it.
            of_reports = [value(table, "nmse_db", compressor, **at[name]) for name in PREDICTORS]
            assert of_reports == pytest.approx([of_reports[0]] * 3, rel=1e-6)
            if delay_s > 0:
                for name in ("ar", "kalman"):
                    # Of 117 Hz Doppler spread: holding costs 2 - 2 J0(2 pi fd tau), 7 and 25 % of the energy.
                    held, predicted = (value(table, "nmse_e2e_db", compressor, **at[n]) for n in ("hold", name))
                    assert predicted < held - 0.3
                    held, predicted = (value(table, "rate_bps_hz", compressor, **at[n]) for n in ("hold", name))
                    assert predicted > held
        fresh = {
            name: value(table, "nmse_e2e_db", compressor, feedback__predictor__name=name, feedback_delay_s=0.0)
            for name in PREDICTORS
        }
        assert fresh["ar"] == pytest.approx(fresh["hold"], rel=1e-6)


def test_at_rest_prediction_is_holding(mobile: dict[str, Any], run: Run) -> None:
    mobile["channel"]["speed_m_s"] = 0
    mobile |= {"estimation": {"name": "perfect"}, "sweeps": {"p": {"feedback.predictor.name": PREDICTORS}}}
    table = run(mobile)
    for compressor in ("identity", "topk"):
        for metric in ("nmse_e2e_db", "rate_bps_hz"):
            held, *predicted = (value(table, metric, compressor, feedback__predictor__name=name) for name in PREDICTORS)
            # The ridge of the fit takes 1e-6 off, far below the error that truncation leaves.
            assert predicted == pytest.approx([held, held], abs=1e-4)


def test_batches_change_no_digit(mobile: dict[str, Any], run: Run) -> None:
    mobile["feedback"]["link"] = {"name": "awgn", "snr_db": 10}
    mobile["monte_carlo"]["samples"] = 60
    mobile |= {"sweeps": {"p": {"feedback.predictor.name": ["ar", "kalman"]}}, "compressors": [{"name": "topk"}]}
    reference = run(mobile)
    pd.testing.assert_frame_equal(run(mobile, "--set", "monte_carlo.batch_size=1"), reference, check_exact=True)


class Lossy(FeedbackLink):
    """Loses the reports whose numbers, the oldest counted as 0, are given; what it delivers of them is garbage."""

    Parameters = PerfectParameters
    loses_reports = True

    def __init__(self, lost: set[int]) -> None:
        super().__init__(PerfectParameters())
        self.lost = lost
        self.sent = 0

    def transmit(self, codeword: Codeword, draw: NormalDraw) -> Codeword:
        """The codeword, or garbage that is marked as erased."""
        lost = self.sent in self.lost
        self.sent += 1
        erased = torch.full((len(codeword.values),), lost)
        return replace(codeword, values=codeword.values * (-1e3 if lost else 1), erased=erased)


def measured(document: dict[str, Any], link: FeedbackLink) -> Measurements:
    scenario = Scenario.model_validate(document | {"compressors": [{"name": "identity"}]})
    source = source_of(scenario)
    schemes = {spec.label: replace(spec.build(), scale=ScaleQuantiser(32)) for spec in scheme_specs(scenario)}
    chain = Chain(scenario, source, schemes, torch.device("cpu"))
    chain.link = link
    return chain.measure(source.read("test", 0, 20, ReportTimes.of(scenario.feedback).snapshots), 0)


def error_db(measurements: Measurements, metric: str = "nmse_e2e_db") -> float:
    estimate = measurements["identity", metric].estimate()
    assert estimate is not None
    return estimate.value


def test_a_lost_report_leaves_the_one_before(mobile: dict[str, Any]) -> None:
    perfect = Perfect(PerfectParameters())
    mobile["estimation"] = {"name": "perfect"}
    mobile["feedback"] |= {"n_reports": 3}
    # One period older, so as if the delay were a period more.
    once, later = mobile, mobile | {"feedback": mobile["feedback"] | {"delay_s": 2e-3}}
    assert error_db(measured(once, Lossy(set()))) == error_db(measured(once, perfect))
    assert error_db(measured(once, Lossy({2}))) > error_db(measured(once, perfect))
    # The reports before the newest are other samples of the same process: NMSE of 20 channels within 1.5 dB.
    assert error_db(measured(once, Lossy({2}))) == pytest.approx(error_db(measured(later, perfect)), abs=1.5)
    assert error_db(measured(once, Lossy({0}))) == error_db(measured(once, perfect))


@pytest.mark.parametrize("name", PREDICTORS)
def test_without_any_report_the_bs_has_the_mean_channel(name: str, mobile: dict[str, Any]) -> None:
    mobile["feedback"] |= {"predictor": {"name": name}, "n_reports": 4}
    lost = measured(mobile, Lossy({0, 1, 2, 3}))
    # A mean of zero leaves the whole energy.
    assert error_db(lost) == pytest.approx(0, abs=1e-5)
    assert error_db(lost, "nmse_db") == pytest.approx(0, abs=1e-5)


def test_a_predictor_bridges_a_lost_report(mobile: dict[str, Any]) -> None:
    def lose_the_newest(name: str) -> float:
        feedback = mobile["feedback"] | {"predictor": {"name": name}, "n_reports": 6}
        return error_db(measured(mobile | {"feedback": feedback}, Lossy({5})))

    held, *predicted = (lose_the_newest(name) for name in PREDICTORS)
    # Over two periods, 2 pi fd tau = 1.5, the held channel is beside itself.
    assert max(predicted) < held - 1


def test_sweeps_exchange_plugins_with_their_parameters(mobile: dict[str, Any]) -> None:
    mobile["feedback"]["predictor"] = {"name": "ar", "order": 3}
    mobile["sweeps"] = {
        "names": {"feedback.predictor.name": PREDICTORS},
        "whole": {"feedback.predictor": [{"name": "hold"}, {"name": "ar", "order": 1}, {"name": "kalman"}]},
        "both": {"feedback.predictor.order": [1, 4], "feedback.predictor.name": ["ar", "kalman"]},
    }
    points = points_of(Scenario.model_validate(mobile))
    found = [(point.sweep, *point.axes.values(), point.scenario.feedback.predictor) for point in points]
    chosen = [(sweep, predictor.name, getattr(predictor, "order", None)) for sweep, *_, predictor in found]
    assert chosen == [
        ("names", "hold", None),
        ("names", "ar", 3),
        ("names", "kalman", 3),
        ("whole", "hold", None),
        ("whole", "ar", 1),
        ("whole", "kalman", 2),
        *(("both", name, order) for order in (1, 4) for name in ("ar", "kalman")),
    ]
    assert [text for sweep, text, *_ in found if sweep == "whole"] == ["hold", "ar, order 1", "kalman"]
    assert len({point.key for point in points if point.sweep == "whole"}) == 3


@pytest.fixture
def recording(mobile: dict[str, Any], tmp_path: Path) -> dict[str, Any]:
    """Twenty UEs of ten snapshots, 5 ms apart, each entry an oscillation of its own."""
    generator = np.random.default_rng(0)
    gains = generator.normal(size=(20, 1, 8, 8, 2)) @ [1, 1j]
    turns = generator.uniform(-0.5, 0.5, size=(20, 1, 8, 8))
    file = tmp_path / "track.h5"
    with h5py.File(file, "w") as h5:
        h5["X"] = (gains * np.exp(1j * turns * np.arange(10)[:, None, None])).astype(np.complex64)
        h5.attrs.update({"fc": 5.3e9, "B": 20e6, "Nc": 64, "Nt": 8, "dt": 5e-3})
    mobile["channel"] = {"source": "hdf5", "file": str(file)}
    mobile |= {"estimation": {"name": "perfect"}, "compressors": [{"name": "identity"}]}
    mobile["transform"]["n_delay"] = 8
    mobile["monte_carlo"]["samples"] = 20
    mobile["feedback"] = {"delay_s": 5e-3, "report_period_s": 5e-3, "n_reports": 6}
    return mobile


def test_reports_of_a_recording(recording: dict[str, Any], run: Run) -> None:
    recording["sweeps"] = {"p": {"feedback.predictor.name": PREDICTORS}}
    table = run(recording)
    held, of_ar, of_kalman = (value(table, "nmse_e2e_db", feedback__predictor__name=name) for name in PREDICTORS)
    # E|1 - exp(j x)|^2 = 2 - 2 sin(0.5) / 0.5 = -10.9 dB; 1280 entries leave 0.3 dB.
    assert held == pytest.approx(10 * np.log10(2 - 4 * np.sin(0.5)), abs=1.2)
    # Each entry is one oscillation, which its own model continues but for what it shares with the others.
    assert of_ar < held - 10
    assert of_kalman < held - 5


@pytest.mark.parametrize(
    ("key", "found", "parts"),
    [
        ("report_period_s", 7e-3, ["track.h5", "0.007 s apart", "multiple of dt, 0.005 s"]),
        ("report_period_s", 10e-3, ["track.h5", "over 0.055 s", "at most 0.045 s"]),
        ("delay_s", 3e-3, ["track.h5", "0.003 s apart", "multiple of dt, 0.005 s"]),
        ("n_reports", 2, ["n_reports 2", "at least 3", "ar"]),
        ("report_period_s", 0, ["report_period_s 0", "ar", "3 reports"]),
    ],
)
def test_times_that_do_not_fit_give_one_line(
    key: str,
    found: float,
    parts: list[str],
    recording: dict[str, Any],
    command: Command,
    scenario_file: ScenarioFile,
    tmp_path: Path,
) -> None:
    recording["feedback"] |= {"predictor": {"name": "ar"}, key: found}
    file = scenario_file(recording)
    for name, options in (("validate", ()), ("run", ("--out", tmp_path / "out", "--workers", "1"))):
        code, _, err = command(name, file, *options)
        assert code == 2
        assert err.count("\n") == 1
        for part in parts:
            assert part in err


def test_files_without_motion_are_refused_before_a_run(
    recording: dict[str, Any], command: Command, scenario_file: ScenarioFile
) -> None:
    with h5py.File(recording["channel"]["file"], "r+") as h5:
        still = h5["X"][:, 0]
        del h5["X"]
        h5["X"] = still
    code, _, err = command("validate", scenario_file(recording))
    assert code == 2
    assert "feedback.delay_s, feedback.report_period_s, feedback.n_reports: " in err
    assert "got 7 snapshots, expected 1: the file holds no motion" in err
