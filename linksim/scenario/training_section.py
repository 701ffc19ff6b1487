"""The scenario's section ``training``: how many channels are learnt from, and how long."""

from typing import Any, Self

from pydantic import Field, model_validator

from feedback.training.recipe import TrainingRecipe
from feedback.training.recipe_section import RecipeSection
from linksim.scenario.plugin_kinds import COMPRESSOR
from linksim.scenario.section import Section


class BudgetSection(Section):
    """How long every network is trained, in place of what its recipe says; one of these."""

    epochs: int | None = Field(default=None, ge=0, le=10**6, description="passes over the training channels")
    samples: int | None = Field(default=None, ge=0, le=10**12, description="training channels seen")
    minutes: float | None = Field(
        default=None, gt=0, le=10**6, description="wall time; digits then depend on the machine"
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"got {' and '.join(given) or 'nothing'}, expected one of epochs, samples, minutes")
        return self

    def of(self, recipe: TrainingRecipe) -> TrainingRecipe:
        """The recipe within this budget."""
        return recipe.with_budget(**self.model_dump(exclude_none=True))


def is_trained_section(entry: Any) -> bool:
    """Whether a compressor's section, as written, is one of a network whose training is kept."""
    if not isinstance(entry, dict) or any(entry.get(key) for key in ("untrained", "checkpoint", "keras")):
        return False
    name = entry.get("name")
    return "plugin" in entry or (
        isinstance(name, str) and name in COMPRESSOR.registry and COMPRESSOR.traits(name).trained
    )


class TrainingSection(Section):
    """Channels to learn from: those of the point, from streams of their own, never test channels."""

    samples: int = Field(
        default=8000,
        ge=1,
        le=10**7,
        description="channels for quick fits: KLT, quantiser and scale ranges; by default as many as network_samples "
        "where the scenario has trained networks, so that what is fitted and what is learnt see the same, else 8000",
    )
    network_samples: int = Field(
        default=50000, ge=1, le=10**7, description="channels that networks are trained on, an epoch"
    )
    fresh: bool = Field(
        default=False,
        description="networks see network_samples new channels in every epoch, straight from the generator, instead of "
        "the same again",
    )
    validation_samples: int = Field(default=1000, ge=1, le=10**7, description="channels to select the best epoch on")
    recipe: RecipeSection | None = Field(
        default=None, description="keys over each network's own recipe; by default none"
    )
    budget: BudgetSection | None = Field(default=None, description="of all networks; by default their recipes'")
