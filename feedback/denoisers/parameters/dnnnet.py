"""Parameters of DNNNet."""

from typing import Literal, Self

from pydantic import Field, model_validator

from feedback.denoiser_parameters import DenoiserParameters
from feedback.training.recipe import TrainingRecipe
from feedback.training.recipe_section import RecipeSection, recipe_with

_JOINT = TrainingRecipe(epochs=2, batch_size=100, learning_rate=1e-3, warmup=0.1)


class DnnNetParameters(DenoiserParameters):
    """Parameters of ``dnnnet``."""

    accepts = frozenset({"analogue"})
    titles = ("DNNNet",)
    learns = True
    learns_jointly = True

    name: Literal["dnnnet"] = "dnnnet"
    hidden_layers: int = Field(default=1, ge=1, le=8, description="fully connected layers with a sigmoid")
    width: int = Field(default=1024, ge=1, le=8192, description="outputs of each of them")
    snr_db: tuple[float, float] = Field(
        default=(-5.0, 40.0), description="feedback SNRs to learn [dB], drawn uniformly from this range"
    )
    epochs: int = Field(default=20, ge=0, le=10**6, description="stage 1: passes over the training codewords")
    learning_rate: float = Field(default=1e-3, gt=0, le=1, description="stage 1: Adam's at first, falling to 0")
    joint: RecipeSection | None = Field(
        default=RecipeSection(),
        description="stage 2: keys over the recipe that trains a network and its denoiser together, two epochs of Adam "
        "in batches of 100; null: stage 1 only",
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.snr_db[0] > self.snr_db[1]:
            raise ValueError(f"snr_db is {list(self.snr_db)}, expected the lower bound first")
        if self.joint is not None:
            self.joint_recipe(self.joint)
        return self

    @staticmethod
    def joint_recipe(section: RecipeSection) -> TrainingRecipe:
        """Recipe of stage 2.

        Raises:
            FeedbackInputError: if its keys do not go together.
        """
        return recipe_with([section], {"default": _JOINT})
