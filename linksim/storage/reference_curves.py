"""Curves of a run that no compressor is behind, such as what an ideal code would take; kept beside the results."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from linksim.errors import InputError
from linksim.files import DamagedFileError, load_document, save_document

REFERENCE_CURVES_FILE = "reference_curves.json"


@dataclass(frozen=True)
class ReferenceCurve:
    """A metric over the bits of a report.

    Attributes:
        name: which curve, as the scenario's key ``reference_curves`` has it.
        metric: the metric.
        channels: training channels that it comes from.
        dimensions: entries of each of these.
        bits: rising, positive.
        values: the metric at each of these.
        points: sweep, and values of axes as the results have them, of each point that it belongs to.
    """

    name: str
    metric: str
    channels: int
    dimensions: int
    bits: tuple[float, ...]
    values: tuple[float, ...]
    points: tuple[tuple[str, Mapping[str, Any]], ...]

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """From what ``asdict`` makes of one.

        Raises:
            KeyError: if something is missing.
            TypeError: if something is of another kind.
            ValueError: if the numbers are no curve.
        """
        bits, values = (tuple(float(number) for number in document[key]) for key in ("bits", "values"))
        if len(bits) != len(values) or not all(map(math.isfinite, (*bits, *values))):
            raise ValueError("numbers that are no curve")
        if any(not 0 < low < high for low, high in itertools.pairwise(bits)):
            raise ValueError("bits that do not rise")
        points = tuple((str(sweep), dict(axes)) for sweep, axes in document["points"])
        counts = int(document["channels"]), int(document["dimensions"])
        return cls(str(document["name"]), str(document["metric"]), *counts, bits, values, points)


def write_reference_curves(folder: Path, curves: Sequence[ReferenceCurve]) -> None:
    """Keeps the curves of a run in its folder, and nothing where it has none.

    Raises:
        OSError: if the folder cannot be written.
    """
    file = folder / REFERENCE_CURVES_FILE
    if curves:
        save_document(file, {"curves": [asdict(curve) for curve in curves]})
    else:
        file.unlink(missing_ok=True)


def read_reference_curves(folder: Path) -> list[ReferenceCurve]:
    """The curves of a run, in the order of its scenario; none where it has none.

    Raises:
        InputError: if the file is damaged, or holds something else; one line.
    """
    file = folder / REFERENCE_CURVES_FILE
    try:
        return [ReferenceCurve.of(curve) for curve in load_document(file)["curves"]]
    except FileNotFoundError:
        return []
    except (OSError, DamagedFileError, KeyError, TypeError, ValueError, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{file}: cannot be read ({reason}), expected what `linksim run` wrote; run it again"
        ) from None
