"""Why a comparison of runs has come to nothing."""

from collections.abc import Sequence

from linksim.comparison.paired_difference import has_sample_values
from linksim.comparison.run_samples import RunSamples
from linksim.errors import InputError
from linksim.metrics import METRICS


def nothing_compared(runs: Sequence[RunSamples], labels: Sequence[str], metrics: Sequence[str]) -> InputError:
    """The reason, as an error to be raised.

    Args:
        runs: what was to be compared, the reference first.
        labels: of the compressors on either side.
        metrics: those asked for; empty for all.
    """
    columns = {key for run in runs for point in run.points.values() for key in run.samples(point).columns}
    measured = [label for label in dict.fromkeys(labels) if any(label in run.compressors for run in runs)]
    folder = runs[0].folder
    if absent := next((label for label in labels if label not in measured), None):
        there = ", ".join(measured) or "compressors that the run has measured"
        return InputError(f"{folder}: got {absent}, of which there are no results, expected {there}")
    of_runs = list(dict.fromkeys(name for run in runs for name in run.scenario.metrics))
    known = [name for name in of_runs if name in METRICS and has_sample_values(name)]
    known = [name for name in known if any(name == metric and label in measured for label, metric in columns)]
    if not known:
        return InputError(
            f"{folder}: got the metrics {', '.join(of_runs)}, none of which is a mean over samples, expected one"
        )
    asked = f"got metric {', '.join(metrics)}" if metrics else "got no sample that both sides have a value of"
    return InputError(f"{folder}: {asked}, expected one of {', '.join(known)}")
