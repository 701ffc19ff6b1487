"""Partial results: what was measured on a range of a point's test channels, in files that merge exactly.

``points/<content hash>/<start>-<stop>.json``. The hash is over everything that results depend on, so that an edited
scenario, another seed or new weights make other names, and what is kept is what still holds.
"""

import copy
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from channels import files as channel_files
from channels.dataset.manifest import differences, summary
from channels.source import BLOCK_SIZE
from linksim.content_hash import content_hash
from linksim.errors import InputError
from linksim.files import DamagedFileError, load_document, load_tensors, save_document, set_aside, write_whole
from linksim.metrics import METRICS
from linksim.reserved_names import NO_COMPRESSOR
from linksim.scenario.identity import compressor_keys, result_document, with_contents
from linksim.scenario.model import Scenario
from linksim.statistics.accumulators import accumulator_from_json
from linksim.statistics.measurements import Measurements
from linksim.storage.sample_values import SUFFIX, SampleValues, write_samples

Range = tuple[int, int]


@dataclass(frozen=True)
class PointContent:
    """Everything that the results of a point depend on.

    Attributes:
        scenario: the scenario at the point.
        fitted: hash over its fitted compressors, quantisers and denoisers.
        device: device type; results differ in the last digits between types.
        document: all of it as a mapping that ``json`` can write.
        key: its content hash.
        keys_of_labels: what each compressor is kept under: labels are names that may change.
    """

    scenario: Scenario
    fitted: str
    device: str
    document: Mapping[str, Any] = field(init=False, repr=False, compare=False)
    key: str = field(init=False, repr=False, compare=False)
    keys_of_labels: Mapping[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        document = result_document(self.scenario, self.fitted, self.device)
        object.__setattr__(self, "document", document)
        object.__setattr__(self, "key", content_hash(document))
        keys = {NO_COMPRESSOR: NO_COMPRESSOR, **compressor_keys(self.scenario)}
        object.__setattr__(self, "keys_of_labels", keys)

    @property
    def labels_of_keys(self) -> dict[str, list[str]]:
        """The other way round; compressors that differ in nothing but their labels share what is kept."""
        labels: dict[str, list[str]] = {}
        for label, key in self.keys_of_labels.items():
            labels.setdefault(key, []).append(label)
        return labels

    def require_unchanged(self) -> None:
        """Makes sure that the files that the point's channels are read from are those that it was planned with.

        Raises:
            InputError: if one was replaced meanwhile.
        """
        found = with_contents(self.scenario.channel.model_dump(mode="json"), "channel")
        for line in differences(found, self.document["channel"]):
            raise InputError(f"channel.{line} as the run began: a file was replaced; run it again")


class PartialResults:
    """Partial results in a folder that all workers see.

    Args:
        folder: an existing folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(
        self,
        content: PointContent,
        start: int,
        stop: int,
        measurements: Measurements,
        samples: SampleValues | None = None,
    ) -> None:
        """Keeps what was measured on test channels ``start`` to ``stop - 1`` of a point.

        Args:
            content: the point.
            start: first test channel.
            stop: one past the last.
            measurements: sums over them, by label and metric.
            samples: each metric's value of each of them, by label and metric.

        Raises:
            InputError: if the folder is not there.
        """
        keys = content.keys_of_labels
        document = {
            "content": content.document,
            "measurements": [
                {"compressor": keys[label], "metric": metric, "accumulator": accumulator.to_json()}
                for (label, metric), accumulator in measurements.items()
            ],
        }
        self.folder_of(content)
        file = self._file(content, (start, stop))
        if samples is not None:
            # Before the sums: where these are kept, so are the samples' values.
            columns = {(keys[label], metric): values for (label, metric), values in samples.columns.items()}
            write_samples(file.with_suffix(SUFFIX), replace(samples, columns=columns))
        save_document(file, document)

    def folder_of(self, content: PointContent) -> Path:
        """The folder of a point's partial results; made if it is missing.

        Raises:
            InputError: if the folder above is not there.
        """
        folder = self.folder / content.key
        try:
            folder.mkdir(exist_ok=True)
        except FileNotFoundError:
            raise InputError(
                f"--out: no folder {self.folder} on {socket.gethostname()}, expected one that all see"
            ) from None
        return folder

    def load(self, content: PointContent, start: int, stop: int) -> Measurements | None:
        """What was measured earlier on that range, ``None`` if nothing was.

        Damaged files are set aside, and what they held counts as not measured; likewise where the sums are sound and
        the samples' values beside them are damaged.

        Raises:
            InputError: if the file holds results of another point; the line names the difference.
        """
        file = self._file(content, (start, stop))
        try:
            found, measurements = _read(file)
        except FileNotFoundError:
            return None
        except DamagedFileError as error:
            set_aside(file, error)
            return None
        if found != content.document:
            raise InputError(_foreign(file, found, [content]))
        samples = file.with_suffix(SUFFIX)
        try:
            load_tensors(samples)
        except FileNotFoundError:
            # Those of another machine may have come without them.
            pass
        except DamagedFileError as error:
            # Both are made again together, also if this process ends here.
            file.unlink(missing_ok=True)
            set_aside(samples, error)
            return None
        labels = content.labels_of_keys
        return {
            (label, metric): copy.deepcopy(accumulator)
            for (key, metric), accumulator in measurements.items()
            for label in labels.get(key, ())
        }

    def ranges(self, content: PointContent) -> list[Range]:
        """Ranges of a point that were measured earlier."""
        names = [file.stem.partition("-") for file in (self.folder / content.key).glob("[0-9]*-[0-9]*.json")]
        return sorted((int(start), int(stop)) for start, _, stop in names if start.isdigit() and stop.isdigit())

    def adopt(self, other: Path, contents: Sequence[PointContent]) -> int:
        """Takes over the partial results of a folder that another machine wrote.

        Args:
            other: its folder ``<out>/<scenario name>``, or the ``points`` in it.
            contents: the points of this run.

        Returns:
            How many files were taken over.

        Raises:
            InputError: if there are none, or one is not of this run's points; the line names the difference.
        """
        source = other / "points" if (other / "points").is_dir() else other
        by_key = {content.key: content for content in contents}
        files = sorted(source.glob("*/[0-9]*-[0-9]*.json"))
        if not files:
            raise InputError(f"--adopt: no partial results in {other}, expected a folder <out>/<scenario name>")
        for file in files:
            try:
                found, _ = _read(file)
            except DamagedFileError as error:
                raise InputError(f"{file}: damaged ({error}), expected partial results as a run writes them") from None
            content = by_key.get(content_hash(found))
            if content is None:
                raise InputError(_foreign(file, found, contents))
            adopted = self._adopted(content, file)
            if file.with_suffix(SUFFIX).exists():
                channel_files.write_whole(adopted.with_suffix(SUFFIX), file.with_suffix(SUFFIX).read_bytes())
            write_whole(adopted, file.read_text(encoding="utf-8"))
        return len(files)

    def _adopted(self, content: PointContent, file: Path) -> Path:
        folder = self.folder / content.key
        folder.mkdir(exist_ok=True)
        return folder / file.name

    def _file(self, content: PointContent, kept: Range) -> Path:
        return self.folder / content.key / f"{kept[0]}-{kept[1]}.json"


def cover(kept: Iterable[Range], start: int, stop: int, size: int) -> tuple[list[Range], list[Range]]:
    """Covers test channels ``start`` to ``stop - 1`` by kept ranges, and by new ones where nothing is kept.

    Ranges meet at multiples of ``BLOCK_SIZE``: a sample's last digit depends on the block that it was computed in.

    Args:
        kept: ranges at hand, which may overlap.
        start: first channel, a multiple of ``BLOCK_SIZE``.
        stop: one past the last channel.
        size: most channels of a new range, a multiple of ``BLOCK_SIZE``.

    Returns:
        Kept ranges to use, and ranges to measure; together they hold every channel once.
    """
    usable = [
        (first, end)
        for first, end in kept
        if start <= first < end <= stop and first % BLOCK_SIZE == 0 and (end % BLOCK_SIZE == 0 or end == stop)
    ]
    used, missing = [], []
    at = start
    while at < stop:
        longest = max((end for first, end in usable if first == at), default=None)
        if longest is not None:
            used.append((at, longest))
            at = longest
        else:
            end = min([at + size, stop, *(first for first, _ in usable if first > at)])
            missing.append((at, end))
            at = end
    return used, missing


def _read(file: Path) -> tuple[dict[str, Any], Measurements]:
    document = load_document(file)
    try:
        unknown = [str(entry["metric"]) for entry in document["measurements"] if entry["metric"] not in METRICS]
        if unknown:
            raise DamagedFileError(f"got the metric {unknown[0]!r}, which is unknown")
        measurements = {
            (str(entry["compressor"]), str(entry["metric"])): accumulator_from_json(entry["accumulator"])
            for entry in document["measurements"]
        }
        return dict(document["content"]), measurements
    except (KeyError, TypeError, ValueError, InputError) as error:
        raise DamagedFileError(f"not partial results: {error}") from error


def _foreign(file: Path, found: dict[str, Any], contents: Sequence[PointContent]) -> str:
    """What tells a file's point from the point of the run that is most like it."""
    lists = [differences(_without_lists(found), _without_lists(content.document)) for content in contents]
    return f"{file}: results of another scenario: {summary(min(lists, key=len))}"


def _without_lists(value: Any) -> Any:
    """With lists as mappings from numbers, so that a difference in one entry is named as such."""
    if isinstance(value, dict):
        return {str(key): _without_lists(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return {str(number): _without_lists(entry) for number, entry in enumerate(value)}
    return value
