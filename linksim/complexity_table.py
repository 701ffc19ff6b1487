"""What each compressor of a scenario costs at either side."""

from pathlib import Path

import pandas as pd

from linksim.fitting import scheme_specs
from linksim.run_folder import write_whole
from linksim.scenario import Scenario


def write_complexity(scenario: Scenario, folder: Path) -> None:
    """Writes ``complexity.csv``: multiply-adds and stored parameters per report at the scenario's compression ratio."""
    rows = []
    for spec in scheme_specs(scenario):
        cost = spec.build().compressor.complexity()
        rows.append({"compressor": spec.label, "compression_ratio": spec.parameters.compression_ratio} | vars(cost))
    write_whole(folder / "complexity.csv", pd.DataFrame(rows).to_csv(index=False, lineterminator="\n"))
