"""Few-shot adaptation: a trained network goes on learning from a few channels of another source."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from feedback.training.recipe import TrainingRecipe
from feedback.training.stage import Stage


class Adaptation(BaseModel):
    """What a trained network learns of the scenario's channel, starting from its weights for ``trained_on``."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    samples: int = Field(
        ge=0,
        le=10**7,
        description="channels of the new source; as many again, of its validation split, at most, select",
    )
    part: Literal["decoder", "all"] = Field(
        default="all", description="what learns: the decoder alone, with UEs as they are, or the encoder as well"
    )
    seen: int = Field(
        default=10000, ge=1, le=10**12, description="budget: channels seen, in as many passes as it takes"
    )
    fc_rate_ratio: float = Field(
        default=0.4, gt=0, le=1, description="learning rate of fully connected layers over that of the others"
    )

    @model_validator(mode="after")
    def _sees_all(self) -> Self:
        if self.seen < self.samples:
            raise ValueError(f"seen: got {self.seen}, expected at least the {self.samples} of samples")
        return self

    def recipe(self, usual: TrainingRecipe) -> TrainingRecipe:
        """The usual recipe within the budget of the adaptation, in steps of no more channels than there are."""
        batch_size = max(min(usual.batch_size, self.samples), 2)
        update = {"batch_size": batch_size, "fc_rate_ratio": self.fc_rate_ratio}
        return usual.model_copy(update=update).with_budget(samples=self.seen)

    @property
    def stages(self) -> tuple[Stage, ...]:
        """One stage, in which the encoder learns or not."""
        return (Stage(encoder_rate_ratio=0.0 if self.part == "decoder" else 1.0),)
