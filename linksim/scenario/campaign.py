"""A campaign: trainings in the order of their priority, each a scenario of its own with a budget."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from pydantic import Field

from feedback.errors import FeedbackInputError
from linksim.errors import InputError
from linksim.scenario.document import validated
from linksim.scenario.file import TRAININGS, load_scenario, read_overridden, validate_scenario
from linksim.scenario.messages import short
from linksim.scenario.model import Scenario
from linksim.scenario.section import Section
from linksim.scenario.yaml_file import read_document

# More than a campaign of years has.
_MAX_TRAININGS = 1000


class Campaign(Section):
    """Which networks to train for which channels, and for how long.

    Each training is a scenario: the keys of ``base`` with its own in their place, those of ``training`` beside those
    of the base's. Every network of it, at every ratio that its sweeps name, is trained within its
    ``training.budget``.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", description="names the folders of the logs")
    description: str = ""
    base: dict[str, Any] = Field(default={}, description="scenario keys of all trainings")
    trainings: tuple[dict[str, Any], ...] = Field(
        min_length=1, max_length=_MAX_TRAININGS, description="scenario keys of each, the most urgent first"
    )


def is_campaign(document: Mapping[str, Any]) -> bool:
    """Whether a document is a campaign's rather than a scenario's."""
    return TRAININGS in document


def load_campaign(file: Path, overrides: Sequence[str] = ()) -> list[Scenario]:
    """The scenarios of a campaign, the most urgent first.

    Args:
        file: YAML file; names of files in it are relative to it.
        overrides: ``path.to.key=value`` settings of the campaign's document.

    Raises:
        InputError: one line with file, key, found and expected.
    """
    campaign = validated(Campaign, read_overridden(file, overrides), lambda line: f"{file}: {line}")
    scenarios = [_scenario(campaign, number, file) for number in range(len(campaign.trainings))]
    names = [scenario.name for scenario in scenarios]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InputError(
            f"{file}: {TRAININGS}: got {twice.partition('.')[2]!r} twice, expected a name of its own for each"
        )
    return scenarios


def places(file: Path) -> Callable[[int], AbstractContextManager[None]]:
    """What says of the problems of a scenario which training of a campaign's file it is; nothing of a scenario's.

    Args:
        file: YAML file of either.
    """
    campaign = is_campaign(read_document(file))

    @contextmanager
    def place(number: int) -> Iterator[None]:
        try:
            yield
        except (InputError, FeedbackInputError) as error:
            if not campaign:
                raise
            lines = error.lines if isinstance(error, InputError) else (str(error),)
            raise InputError.of([f"{file}: {TRAININGS}.{number}: {line}" for line in lines]) from None

    return place


def load_scenarios(file: Path, overrides: Sequence[str] = ()) -> list[Scenario]:
    """The scenarios of a campaign's file, or the one of a scenario's; as ``load_campaign`` and ``load_scenario``."""
    return load_campaign(file, overrides) if is_campaign(read_document(file)) else [load_scenario(file, overrides)]


def _scenario(campaign: Campaign, number: int, file: Path) -> Scenario:
    own, place = campaign.trainings[number], f"{TRAININGS}.{number}"
    name = own.get("name")
    if not isinstance(name, str):
        found = "nothing" if name is None else short(name)
        raise InputError(f"{file}: {place}.name: got {found}, expected a name for this training")
    document = {**campaign.base, **own, "name": f"{campaign.name}.{name}"}
    sections = [part.get("training", {}) for part in (campaign.base, own)]
    # What is no section is told as the scenario's.
    wrong = [section for section in sections if not isinstance(section, Mapping)]
    document["training"] = wrong[0] if wrong else {**sections[0], **sections[1]}
    scenario = validate_scenario(document, f"{file}: {place}")
    if scenario.training.budget is None:
        raise InputError(
            f"{file}: {place}.training.budget: got none, expected one of samples, epochs, minutes: what is in the zoo "
            "at that budget is not trained again"
        )
    return scenario
