"""One fitted codec of a run or a scenario, to be used on channels of one's own."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from feedback.codec import Codec
from linksim.errors import InputError
from linksim.execution.executor import local_executor
from linksim.preparation.dimension_check import check_points
from linksim.preparation.prepare import Preparation
from linksim.scenario.chosen_point import check_chosen, chosen_point
from linksim.scenario.model import Scenario
from linksim.scenario.plugin_sections import compressor_label
from linksim.scenario.sources import device_of
from linksim.scenario.sweep import Point, points_of
from linksim.storage.run_folder import RunFolder


def load_codec(scenario: Scenario, label: str | None, at: Mapping[str, str], fitted: Path | None) -> Codec:
    """A codec as a point of a scenario has it.

    Args:
        scenario: says the compressor, its channels, and the rest of the chain.
        label: of the compressor; ``None`` where there is one only.
        at: swept keys and values that tell the point; by default the scenario's own, else in the middle of each axis.
        fitted: folder of what a run has fitted, which serves again; by default it is fitted anew.

    Raises:
        InputError: if there is no such compressor or point, or weights are missing.
    """
    point = _point(scenario, at)
    entries = {compressor_label(entry): entry for entry in point.scenario.compressors}
    if label is None and len(entries) > 1:
        raise InputError(f"label: got none, expected one of {', '.join(entries)}")
    chosen = next(iter(entries)) if label is None else label
    if chosen not in entries:
        raise InputError(f"label: got {chosen!r}, expected one of {', '.join(entries)}")
    device = device_of(scenario)
    alone = {"compressors": (entries[chosen],), "sweeps": {}, "device": device.type}
    only = points_of(point.scenario.model_copy(update=alone))
    check_points(only, to_be_tested=False)
    with TemporaryDirectory() as scratch, local_executor(1) as executor:
        folder = RunFolder(Path(scratch), only[0].scenario)
        folder.fitted = folder.fitted if fitted is None else fitted
        preparation = Preparation(folder, executor, device)
        preparation.prepare(only)
        schemes = preparation.prepared(only[0]).schemes
        if not schemes:
            raise InputError(f"label: {chosen!r} takes no part at this point, expected a ratio among its only_ratios")
        return schemes[0].load(device)


def _point(scenario: Scenario, at: Mapping[str, str]) -> Point:
    points = points_of(scenario)
    try:
        check_chosen(points, at)
    except InputError as error:
        # There is no option of the command line here.
        raise InputError(str(error).removeprefix("--")) from None
    able = [point for point in points if all(key in point.axes for key in at)]
    if not able:
        raise InputError(f"at: got {' and '.join(at)}, expected keys that one sweep has together")
    sweep = [point for point in able if point.sweep == able[0].sweep]
    found = chosen_point(sweep, scenario.model_dump(mode="json"), at)
    assert found is not None
    return found
