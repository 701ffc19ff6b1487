"""What each compressor costs at either side: of a scenario, or of the registry at the papers' ratios."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from feedback.compressor import COMPRESSORS, Complexity
from feedback.errors import FeedbackInputError
from feedback.number_text import number_text
from feedback.observation import CsiDimensions
from feedback.plugin_file import build_compressor
from linksim.files import write_whole
from linksim.preparation.scheme_spec import SchemeSpec, scheme_specs, schemes_of
from linksim.scenario.model import Scenario
from linksim.scenario.outlines import csi_dimensions
from linksim.scenario.sweep import points_of
from linksim.storage.csv_text import csv_text

COLUMNS = (
    "compressor",
    "compression_ratio",
    "ue_macs",
    "ue_multiplications",
    "bs_macs",
    "ue_parameters",
    "parameters",
    "ue_bytes",
)
RATIOS = (4, 8, 16, 32, 64)
# Na = Nt = 32: two polarisations of two rows and eight columns, 13 subbands of four points.
DIMENSIONS = CsiDimensions(
    32, 32, n_polarizations=2, n_rows=2, bands=tuple((4 * index, 4 * index + 4) for index in range(13))
)


def write_complexity(scenario: Scenario, folder: Path) -> None:
    """Writes ``complexity.csv``: multiply-adds and stored parameters per report at the scenario's compression ratio."""
    rows = []
    for spec in scheme_specs(scenario):
        cost = _cost(spec, scenario)
        rows.append({"compressor": spec.label, "compression_ratio": spec.parameters.compression_ratio} | vars(cost))
    write_whole(folder / "complexity.csv", csv_text(pd.DataFrame(rows), None))


def scenario_costs(scenario: Scenario) -> pd.DataFrame:
    """Costs of a scenario's compressors at every compression ratio of its points; columns ``COLUMNS``."""
    wanted = {
        (spec.label, spec.parameters.model_dump_json(), csi_dimensions(point.scenario)): (spec, point.scenario)
        for point in points_of(scenario)
        for spec in schemes_of(point)
    }
    rows = [
        _row(spec.label, spec.parameters.compression_ratio, _cost(spec, tested)) for spec, tested in wanted.values()
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def registry_costs() -> pd.DataFrame:
    """Costs of every compressor by default, Na = Nt = 32, at the ratios of 4 to 64 that it knows, if it has any."""
    return pd.DataFrame(list(_registry_rows()), columns=list(COLUMNS))


def cost_text(costs: pd.DataFrame) -> str:
    """Costs as a table of text, thousands set apart."""
    grouped = {column: lambda count: f"{count:,}".replace(",", " ") for column in COLUMNS[2:]}
    return costs.fillna({"compression_ratio": "-"}).to_string(index=False, formatters=grouped)


def _registry_rows() -> Iterator[tuple[object, ...]]:
    for name in sorted(map(str, COMPRESSORS.keys())):
        kind = COMPRESSORS.get_class(name)
        for ratio in RATIOS if kind.has_ratio else (None,):
            try:
                section = {"name": name, "compression_ratio": ratio, **kind.Parameters.example}
                parameters = kind.Parameters.model_validate(section)
                cost = build_compressor(parameters, DIMENSIONS).complexity()
            except FeedbackInputError:
                continue
            yield _row(name, ratio, cost)


def _cost(spec: SchemeSpec, tested: Scenario) -> Complexity:
    """Of reports of the channel that is tested, whatever channel a compressor has learnt from."""
    return build_compressor(spec.parameters, csi_dimensions(tested)).complexity()


def _row(name: str, ratio: float | None, cost: Complexity) -> tuple[object, ...]:
    counts = (cost.ue_macs, cost.ue_multiplications, cost.bs_macs, cost.ue_parameters, cost.parameters, cost.ue_bytes)
    return (name, None if ratio is None else number_text(ratio), *counts)
