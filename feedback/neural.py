"""Compressors that are a pair of networks: the encoder at the UE, the decoder at the BS."""

from abc import abstractmethod
from dataclasses import replace
from typing import ClassVar

import torch
from torch import Tensor, nn

from feedback.complexity import count_macs, count_macs_and_multiplications, count_parameters, count_stored_bytes
from feedback.compressor import Complexity
from feedback.compressor_parameters import codeword_length
from feedback.cpu_kernels.acceleration import accelerated, memory_kept
from feedback.csi_report.codeword import Codeword
from feedback.eigenvector_compressor import EigenvectorCompressor, MatrixCompressor, aligned_set
from feedback.errors import FeedbackInputError
from feedback.layers.basic import initialise
from feedback.layers.images import from_unit_interval, to_unit_interval
from feedback.layers.set_later import are_weights_set_later, weights_set_later
from feedback.neural_parameters import NeuralParameters
from feedback.training.autoencoder import Autoencoder
from feedback.training.default_recipes import ADAPTATION_RECIPE, DRAWN_RECIPE, KLT_RECIPE
from feedback.training.direction_error import DirectionError
from feedback.training.loop import train
from feedback.training.options import TrainingOptions, TrainingOutcome, reconstruction_error
from feedback.training.rate_distortion import RateDistortionLoss
from feedback.training.recipe import TrainingRecipe
from feedback.training.recipe_section import RecipeSection, recipe_with
from feedback.training_set import TrainingSet

__all__ = ["NeuralCompressor", "NeuralParameters"]


class NeuralCompressor(MatrixCompressor):
    """A network at the UE, images ``[batch, 2, Na, Nt]`` to codewords ``[batch, M]``, and one back at the BS.

    Encoder and decoder are separate modules that share no tensor. They stay in eval mode but for the training loop, so
    batch norm works with its running statistics and rows of a batch never influence each other.

    Attributes:
        paper_recipe: the published training recipe, for random initial weights; ``None`` if there is none.
    """

    Parameters: ClassVar[type[NeuralParameters]] = NeuralParameters
    settings: NeuralParameters
    paper_recipe: ClassVar[TrainingRecipe | None] = None
    encoder: nn.Module
    decoder: nn.Module

    def __init__(self, parameters: NeuralParameters, shape: tuple[int, int]) -> None:
        super().__init__(parameters, shape)
        self.length = self.codeword_values()
        # Named first, so that a layer which a network also keeps under a name of its own is theirs.
        self.register_module("encoder", None)
        self.register_module("decoder", None)
        # Small layers draw weights as they are made, from the global generator, whose state must stay as it is.
        with torch.random.fork_rng(devices=[]), weights_set_later():
            torch.default_generator.manual_seed(0)
            self.encoder = self.build_encoder()
            self.decoder = self.build_decoder()
        self.eval()
        if not are_weights_set_later():
            self.initialise(torch.Generator().manual_seed(0))

    def codeword_values(self) -> int:
        """Values of its codeword."""
        return codeword_length(self.shape, self.settings.compression_ratio)

    @abstractmethod
    def build_encoder(self) -> nn.Module:
        """The network at the UE."""

    @abstractmethod
    def build_decoder(self) -> nn.Module:
        """The network at the BS."""

    def initialise(self, generator: torch.Generator) -> None:
        """Draws initial weights of both networks: all of them, as those of large layers are NaN before."""
        initialise(self.encoder, generator)
        initialise(self.decoder, generator)

    def autoencoder(self) -> Autoencoder:
        """Both networks as one module, as a step of training runs them; it takes images of ``image_shape``."""
        return TrainingOptions().autoencoder(self.encoder, self.decoder, None)

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Shape of what training sees of a sample: ``(2, Na, Nt)``."""
        return (2, *self.shape)

    @property
    def ue_networks(self) -> tuple[nn.Module, ...]:
        """The networks that a UE has: the encoder."""
        return (self.encoder,)

    @property
    def starts_as_klt(self) -> bool:
        """Whether training starts from the KLT; from random initial weights by default."""
        return False

    @property
    def default_recipe(self) -> TrainingRecipe:
        """How it is trained where nothing else is said: as published where ``init`` draws weights as papers do."""
        if self.starts_as_klt:
            return KLT_RECIPE
        drawn_on_demand = getattr(self.settings, "init", None) == "xavier"
        return (drawn_on_demand and self.paper_recipe) or DRAWN_RECIPE

    @property
    def adaptation_recipe(self) -> TrainingRecipe:
        """How trained weights are adapted to another channel where nothing else is said: in small steps."""
        return ADAPTATION_RECIPE

    def recipe_with(self, *sections: RecipeSection | None, adapted: bool = False) -> TrainingRecipe:
        """How it is trained, or trained weights are adapted: by default but for what sections say, the last on top.

        Raises:
            FeedbackInputError: if keys of the sections do not go with what is below them, or there is no such base.
        """
        own = self.adaptation_recipe if adapted else self.default_recipe
        published = {} if self.paper_recipe is None else {"paper": self.paper_recipe}
        return recipe_with(sections, {"default": own, **published})

    def prepare(self, training: TrainingSet, generator: torch.Generator) -> None:
        """Sets the weights that training starts from: drawn ones, unless a network has a better start."""
        self.initialise(generator)

    def train_networks(
        self,
        training: TrainingSet,
        recipe: TrainingRecipe,
        generator: torch.Generator,
        options: TrainingOptions | None = None,
    ) -> TrainingOutcome:
        """Trains both networks together from ``prepare``'s start, or the options', and keeps the best on validation.

        Raises:
            FeedbackInputError: if the training set is unusable, or the loss becomes NaN or infinite.
        """
        training, options = self.training_matrices(training), self.suited(options or TrainingOptions())
        if options.start is None:
            self.prepare(training, generator)
        else:
            self.load_state(options.start)
        if options.disturbance is None:
            options = replace(options, disturbance=self.settings.disturbance)
        options = self._rated(options)
        with accelerated(self.encoder, self.decoder), memory_kept():
            resolved = recipe.resolved(self.starts_as_klt or options.start is not None)
            resolved = resolved.for_phases(self.settings.phases_are_chosen)
            return train(self.encoder, self.decoder, training, resolved, generator, options)

    def training_matrices(self, training: TrainingSet) -> TrainingSet:
        """Training channels as the matrices whose images it works on."""
        return aligned_set(training, self.beams) if isinstance(self, EigenvectorCompressor) else training

    def suited(self, options: TrainingOptions) -> TrainingOptions:
        """Options of a training run with the loss and error of what it reports, where they are the default ones."""
        if not isinstance(self, EigenvectorCompressor):
            return options
        direction = DirectionError(self.beams)
        loss = direction.loss if options.loss is reconstruction_error else options.loss
        return replace(options, loss=loss, errors=direction)

    def _rated(self, options: TrainingOptions) -> TrainingOptions:
        """Options with the report's bits in the loss, where the disturbance says so."""
        weight = None if options.disturbance is None else options.disturbance.rate_weight
        return options if weight is None else replace(options, loss=RateDistortionLoss(options.errors, weight))

    def fit(self, training: TrainingSet, generator: torch.Generator) -> None:
        """Trains by the default recipe with that of the parameters over it; ``untrained`` networks are only prepared.

        Weights that were trained elsewhere are taken as they are.
        """
        if self.settings.weights_of_others is not None:
            self.take_weights_of_others()
        elif self.settings.untrained:
            self.prepare(training, generator)
        else:
            self.train_networks(training, self.recipe_with(self.settings.recipe), generator)

    def take_weights_of_others(self) -> None:
        """Takes over the weights of a file that the parameters name.

        Raises:
            FeedbackInputError: if it cannot be read or is of another network; one line says which.
        """
        raise FeedbackInputError(f"{self.settings.name}: got a file of weights, expected none: none are known for it")

    @torch.no_grad()
    def encode(self, csi: Tensor) -> Codeword:
        """Codewords of normalised angular-delay matrices ``[batch, Na, Nt]``, complex64."""
        with accelerated(self.encoder):
            return Codeword(self.encoder(to_unit_interval(csi)))

    @torch.no_grad()
    def decode(self, received: Codeword) -> Tensor:
        """Normalised angular-delay matrices ``[batch, Na, Nt]``, complex64, of received codewords."""
        with accelerated(self.decoder):
            return from_unit_interval(self.decoder(received.values))

    def diagnostics(self, csi: Tensor) -> dict[str, float]:
        """Other figures of the trained network on training matrices, by name: the SGCS of those of eigenvectors."""
        if not isinstance(self, EigenvectorCompressor):
            return {}
        with torch.no_grad():
            image, disturbance = to_unit_interval(csi), self.settings.disturbance
            codeword = self.encoder(image)
            rebuilt = self.decoder(codeword if disturbance is None else disturbance.quantise(codeword))
            return {"sgcs": 1 - float(DirectionError(self.beams)(image, rebuilt).mean())}

    def complexity(self) -> Complexity:
        """Counted on the layers of both networks."""
        places = (parameter.device for network in (self.encoder, self.decoder) for parameter in network.parameters())
        device = next(places, torch.device("cpu"))
        image = torch.zeros(1, 2, *self.shape, device=device)
        ue_macs, ue_multiplications = count_macs_and_multiplications(self.encoder, image)
        return Complexity(
            ue_macs=ue_macs,
            bs_macs=count_macs(self.decoder, torch.zeros(1, self.length, device=device)),
            ue_parameters=count_parameters(self.encoder),
            bs_parameters=count_parameters(self.decoder),
            ue_multiplications=ue_multiplications,
            ue_bytes=count_stored_bytes(self.encoder),
        )
