"""Study files: one document that asks a question over many runs, validated like a scenario."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from feedback.context_codec.limits import MAX_STEP, MIN_STEP
from linksim.errors import InputError
from linksim.preparation.context_tables import ContextTables
from linksim.scenario.document import validated
from linksim.scenario.file import read_overridden
from linksim.scenario.messages import short
from linksim.scenario.plugin_sections import ChannelSection, CompressorSection, compressor_label
from linksim.scenario.section import Section

# Name of the training source that is a mixture of the others, and with which those begin that lack one.
MIXED = "mixed"

_OF_THE_STUDY = ("name", "description", "channel", "compressors", "sweeps")


def mixed_without(label: str) -> str:
    """Name of the mixture of all sources but one."""
    return f"{MIXED} without {label}"


class AdaptationSection(Section):
    """Few-shot adaptation of every network from one source to another."""

    from_sources: tuple[str, ...] = Field(
        alias="from", min_length=1, description="what the networks were trained on, one or several of train_on"
    )
    to: str = Field(description="source that they are adapted to and tested on; one of test_on")
    samples: tuple[int, ...] = Field(
        default=(0, 100, 1000, 10000), min_length=1, description="channels of the new source; 0: not adapted"
    )
    parts: tuple[Literal["decoder", "all"], ...] = Field(
        default=("decoder", "all"), min_length=1, description="what learns: the decoder alone, or both sides"
    )
    seen: int = Field(default=10000, ge=1, description="budget of each: channels seen, in as many passes as it takes")

    @field_validator("from_sources", mode="before")
    @classmethod
    def _several(cls, given: object) -> object:
        return [given] if isinstance(given, str) else given

    @field_validator("samples")
    @classmethod
    def _rising(cls, samples: tuple[int, ...]) -> tuple[int, ...]:
        if samples[0] < 0 or any(a >= b for a, b in pairwise(samples)):
            raise ValueError(f"adaptation.samples: got {list(samples)}, expected rising numbers from 0")
        return samples


class GeneralisationStudy(Section):
    """Every compressor, trained on every source, tested on every source."""

    study: Literal["generalization"]
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", description="names the folder of the results")
    description: str = ""
    base: dict[str, Any] = Field(default={}, description="scenario keys of all runs")
    sources: dict[str, ChannelSection] = Field(min_length=1, description="label -> channel section")
    compressors: tuple[CompressorSection, ...] = Field(min_length=1)
    train_on: tuple[str, ...] = Field(
        min_length=1,
        description="labels, `mixed` for one mixture of all of these, and `mixed without LABEL` for one of all but one",
    )
    test_on: tuple[str, ...] = Field(min_length=1, description="labels")
    normalisations: tuple[Literal["per_sample", "dataset", "none"], ...] = Field(default=("per_sample",), min_length=1)
    adaptation: AdaptationSection | None = Field(
        default=None, description="few-shot adaptation, with the first normalisation; by default none"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        taken = [key for key in _OF_THE_STUDY if key in self.base]
        if taken:
            raise ValueError(f"base.{taken[0]}: is the study's own, expected the key to be left out")
        if taken := [label for label in self.sources if label.startswith(MIXED)]:
            raise ValueError(f"sources.{taken[0]}: is a mixture of train_on, expected another label")
        transform = self.base.get("transform", {})
        if isinstance(transform, dict) and "normalisation" in transform:
            raise ValueError("base.transform.normalisation: expected the key `normalisations` of the study instead")
        mixtures = (MIXED, *map(mixed_without, self.alone))
        for key, labels, more in (("train_on", self.train_on, mixtures), ("test_on", self.test_on, ())):
            _check_labels(key, labels, (*self.sources, *more))
        for label in self.train_on:
            if label not in self.sources and len(self.parts_of(label)) < 2:
                raise ValueError(f"train_on: got {label} of {len(self.parts_of(label))} sources, expected at least 2")
        _check_labels("normalisations", self.normalisations, self.normalisations)
        _check_labels("compressors", [compressor_label(entry) for entry in self.compressors], None)
        for entry in self.compressors:
            for name in ("trained_on", "adaptation"):
                if getattr(entry, name, None) is not None:
                    raise ValueError(f"compressors: {compressor_label(entry)}: {name}: is set by the study")
        if self.adaptation is not None:
            _check_labels("adaptation.from", self.adaptation.from_sources, self.train_on)
            _check_labels("adaptation.to", [self.adaptation.to], self.test_on)
            if self.adaptation.to in self.adaptation.from_sources:
                raise ValueError(f"adaptation.to: got {self.adaptation.to!r}, expected another source than `from`")
        return self

    @property
    def alone(self) -> tuple[str, ...]:
        """Labels of the sources that are trained on each by itself, which mixtures are of."""
        return tuple(label for label in self.train_on if label in self.sources)

    def parts_of(self, trained_on: str) -> tuple[str, ...]:
        """Labels of the sources that an entry of ``train_on`` is of: itself, or those of the mixture."""
        if trained_on in self.sources:
            return (trained_on,)
        return tuple(label for label in self.alone if trained_on != mixed_without(label))


class TableStudy(ContextTables):
    """Tables of the context codec, trained on every source and on mixtures of them, tested on every source."""

    study: Literal["table_generalization"]
    memory: Literal[0] = Field(default=0, description="tables are those of reports that stand alone")
    sources: dict[str, ChannelSection] = Field(min_length=2, description="label -> channel section")
    test_samples: int = Field(default=400, ge=20, le=10**7, description="test channels of each source")
    steps: tuple[Annotated[float, Field(ge=MIN_STEP, le=MAX_STEP)], ...] = Field(
        default=(0.25, 0.5, 1.0, 2.0, 4.0), min_length=2, description="quantiser steps, the curves that are compared"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if any(a >= b for a, b in pairwise(self.steps)):
            raise ValueError(f"steps: got {list(self.steps)}, expected rising numbers")
        if taken := [label for label in self.sources if label.startswith(MIXED)]:
            raise ValueError(f"sources.{taken[0]}: is a mixture of the study, expected another label")
        return self


AnyStudy = GeneralisationStudy | TableStudy
_STUDIES: dict[str, type[GeneralisationStudy] | type[TableStudy]] = {
    "generalization": GeneralisationStudy,
    "table_generalization": TableStudy,
}


def load_study(path: Path, overrides: Sequence[str] = ()) -> AnyStudy:
    """Reads a study file.

    Args:
        path: YAML file; names of files in it are relative to it.
        overrides: ``path.to.key=value`` settings, values in YAML, such as ``base.monte_carlo.samples=500``.

    Raises:
        InputError: one line with file, key, found and expected.
    """
    document = read_overridden(path, overrides)
    kind = document.get("study")
    model = _STUDIES.get(kind) if isinstance(kind, str) else None
    if model is None:
        found = "none" if kind is None else short(kind)
        raise InputError(f"{path}: study: got {found}, expected {' or '.join(_STUDIES)}")
    return validated(model, document, lambda line: f"{path}: {line}")


def _check_labels(key: str, labels: Sequence[str], known: Sequence[str] | None) -> None:
    for label in labels:
        if known is not None and label not in known:
            raise ValueError(f"{key}: got {label!r}, expected one of {', '.join(known)}")
        if labels.count(label) > 1:
            raise ValueError(f"{key}: got {label!r} twice, expected it once")
