"""What a scenario says of compressors that are networks; without PyTorch."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from feedback.compressor_parameters import codeword_length, latent_maps
from feedback.csi_dimensions import CsiDimensions
from feedback.errors import FeedbackInputError
from feedback.matrix_parameters import MatrixParameters
from feedback.training.adaptation import Adaptation
from feedback.training.distillation import Distillation
from feedback.training.disturbance import Disturbance
from feedback.training.recipe_section import RecipeSection, check_phases

Init = Literal["klt", "xavier"]


class NeuralParameters(MatrixParameters):
    """Parameters that every network has; each extends it with its own ``name`` literal."""

    trained = True
    learns = True

    recipe: RecipeSection | None = Field(
        default=None, description="keys over the scenario's training recipe; by default none"
    )
    disturbance: Disturbance | None = Field(
        default=None, description="noise and quantisation of codewords in training; by default none"
    )
    distillation: Distillation | None = Field(
        default=None, description="a teacher to learn from in training; by default none"
    )
    adaptation: Adaptation | None = Field(
        default=None, description="few-shot adaptation from `trained_on` to the scenario's channel; by default none"
    )
    untrained: bool = Field(
        default=False,
        description="take the weights that training would start from; they are made for the run, as a KLT is fitted",
    )

    @property
    def phases_are_chosen(self) -> bool:
        """Whether reports choose the phases of the matrices that it learns from: those of eigenvectors do."""
        return self.csi == "eigenvectors"

    @model_validator(mode="after")
    def _trains_as_it_says(self) -> Self:
        try:
            check_phases([self.recipe], self.phases_are_chosen)
        except FeedbackInputError as error:
            raise ValueError(f"recipe.{error}") from error
        unused = [key for key in ("recipe", "distillation", "adaptation") if getattr(self, key) is not None]
        if unused and not self.needs_training:
            instead = "`untrained: true`" if self.untrained else "weights of others"
            raise ValueError(f"{unused[0]}: got one beside {instead}, expected one of the two: nothing is trained")
        if self.distillation is not None and self.disturbance is not None and self.disturbance.rate_weight is not None:
            raise ValueError(
                "distillation: got one with disturbance.rate_weight, expected one of them: both are the loss"
            )
        return self

    @property
    def needs_training(self) -> bool:
        """Unless the start is what is wanted, or weights come from elsewhere."""
        return not self.untrained and self.weights_of_others is None

    def check(self, dimensions: CsiDimensions) -> bool:
        """A ratio that gives a codeword is all that most networks need."""
        codeword_length(self.matrix_shape(dimensions), self.compression_ratio)
        return True


class LinearStartParameters(NeuralParameters):
    """Parameters of networks that can start as the KLT."""

    init: Init | None = Field(
        default=None,
        description="weights that training starts from: the KLT of the training channels, or drawn ones; by default "
        "the KLT where the layers can be one",
    )


class ConvolutionalLatentParameters(NeuralParameters):
    """Parameters of networks whose codeword is a few feature maps over the angles."""

    def check(self, dimensions: CsiDimensions) -> bool:
        """A codeword is whole maps."""
        latent_maps(self.matrix_shape(dimensions), self.compression_ratio)
        return True


class PublicWeightsParameters(LinearStartParameters):
    """Parameters of networks whose papers' repositories publish checkpoints."""

    checkpoint: Path | None = Field(
        default=None,
        description="checkpoint of the paper's PyTorch repository to take weights from, without any training here; by "
        "default none",
    )

    @property
    def weights_of_others(self) -> str | None:
        """The checkpoint."""
        return None if self.checkpoint is None else str(self.checkpoint)
