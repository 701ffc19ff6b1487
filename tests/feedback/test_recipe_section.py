"""A recipe in a scenario lies over the one that would hold without it, or over another one that it names."""

from typing import Any

import pytest
from pydantic import ValidationError

from feedback.checkpoint_key import checkpoint_key, described
from feedback.compressor import COMPRESSORS
from feedback.denoisers.parameters.dnnnet import DnnNetParameters
from feedback.errors import FeedbackInputError
from feedback.neural import NeuralCompressor
from feedback.training.default_recipes import KLT_RECIPE
from feedback.training.paper_recipes import CSINET
from feedback.training.recipe import TrainingRecipe
from feedback.training.recipe_section import RecipeSection, recipe_of_key, recipe_with

OWN = TrainingRecipe(optimiser="muon", batch_size=50, schedule="hold", ema_decay=0.97, full_rate_steps=2000)
BASES = {"default": OWN, "paper": CSINET}


def network(**section: Any) -> NeuralCompressor:
    kind = COMPRESSORS.get_class("csinet")
    made = kind(kind.Parameters.model_validate({"name": "csinet", "compression_ratio": 4, **section}), (8, 8))
    assert isinstance(made, NeuralCompressor)
    return made


def resolved(*sections: dict[str, Any]) -> TrainingRecipe:
    return recipe_with([RecipeSection.model_validate(section) for section in sections], BASES)


def test_other_keys_stay() -> None:
    assert resolved() == resolved({}) == OWN
    assert resolved({"samples": 300}) == OWN.model_copy(update={"samples": 300})
    assert resolved({"learning_rate": 1e-3}) == OWN.model_copy(update={"learning_rate": 1e-3})
    # A key of its default is a key that was given, and null is a value.
    assert resolved({"optimiser": "adam"}) == OWN.model_copy(update={"optimiser": "adam"})
    assert resolved({"ema_decay": None}) == OWN.model_copy(update={"ema_decay": None})


def test_a_base_takes_the_place_of_all_below() -> None:
    assert resolved({"base": "paper"}) == CSINET
    assert resolved({"base": "plain", "batch_size": 40}) == TrainingRecipe(batch_size=40)
    general = {"batch_size": 20, "warmup": 0.1}
    assert resolved(general, {"warmup": 0.2}) == OWN.model_copy(update={"batch_size": 20, "warmup": 0.2})
    assert resolved(general, {"base": "default"}) == OWN
    assert resolved(general, {"base": "paper", "epochs": 3}) == CSINET.model_copy(update={"epochs": 3})


def test_a_budget_takes_the_place_of_another() -> None:
    assert CSINET.epochs == 1000
    assert resolved({"base": "paper", "samples": 300}) == CSINET.with_budget(samples=300)
    assert resolved({"samples": 300}, {"minutes": 2}) == OWN.with_budget(minutes=2)


def test_networks_know_their_bases() -> None:
    made = network(recipe={"samples": 300})
    assert made.recipe_with(made.settings.recipe) == made.default_recipe.with_budget(samples=300)
    assert made.default_recipe != made.paper_recipe == CSINET
    assert made.recipe_with(RecipeSection(base="paper")) == CSINET
    small = made.recipe_with(RecipeSection(samples=300), adapted=True)
    assert small == made.adaptation_recipe.with_budget(samples=300) != made.recipe_with(RecipeSection(samples=300))


def test_refuses_a_published_recipe_where_there_is_none() -> None:
    kind = COMPRESSORS.get_class("markovnet")
    made = kind(kind.Parameters.model_validate({"name": "markovnet", "compression_ratio": 4}), (8, 8))
    assert isinstance(made, NeuralCompressor)
    assert made.recipe_with() == made.default_recipe == KLT_RECIPE
    with pytest.raises(FeedbackInputError, match="base: got paper, expected one of default, plain"):
        made.recipe_with(RecipeSection(base="paper"))


def test_only_what_was_given_is_written_out() -> None:
    for given in ({}, {"samples": 300, "ema_decay": None}, {"base": "paper", "batch_size": 200}):
        section = RecipeSection.model_validate(given)
        assert section.model_dump(mode="json") == given
        assert RecipeSection.model_validate_json(section.model_dump_json()) == section
    assert recipe_with([RecipeSection.model_validate(OWN)], BASES) == OWN


def test_keys_of_weights_tell_bases_apart() -> None:
    sections: list[dict[str, Any]] = [
        {},
        {"recipe": {"batch_size": 50}},
        {"recipe": {"base": "plain", "batch_size": 50}},
        {"recipe": {"base": "paper", "batch_size": 50}},
        {"recipe": {"optimiser": "adam"}},
        {"recipe": {"base": "plain"}},
    ]
    assert len({checkpoint_key(network(**section), {}) for section in sections}) == len(sections)
    # Defaults of a whole recipe are no part of it, and documents of weights lead back to what they were made of.
    whole = network(recipe={"base": "plain", "batch_size": 50, "optimiser": "adam", "clip_norm": None})
    assert described(whole)["recipe"] == {"batch_size": 50}
    for section in sections[1:]:
        made = network(**section)
        again = network(recipe=recipe_of_key(described(made)["recipe"]))
        assert described(again) == described(made)
        assert again.recipe_with(again.settings.recipe) == made.recipe_with(made.settings.recipe)


def test_a_teachers_recipe_is_one_too() -> None:
    def mimic(recipe: dict[str, Any]) -> dict[str, Any]:
        teacher = {"name": "crnet", "recipe": recipe}
        return described(network(distillation={"method": "kd", "teacher": teacher}))["distillation"]["teacher"]

    assert mimic({"base": "plain", "batch_size": 50})["recipe"] == {"batch_size": 50}
    assert mimic({"batch_size": 50})["recipe"] == {"base": "default", "batch_size": 50}


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        ({"samples": 300, "epochs": 2}, "got the budgets epochs and samples, expected one of"),
        ({"base": "plain", "learning_rate": 1e-5}, "final_learning_rate is 5e-05, expected at most learning_rate"),
        ({"base": "klt"}, "Input should be 'default', 'paper' or 'plain'"),
        ({"batch_size": None}, "valid integer"),
        ({"epoch": 3}, "Extra inputs are not permitted"),
    ],
)
def test_refuses_what_no_base_goes_with(section: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        RecipeSection.model_validate(section)


def test_refuses_what_its_base_does_not_go_with() -> None:
    assert resolved({"final_learning_rate": 1e-3, "learning_rate": 1e-2}).final_learning_rate == 1e-3
    with pytest.raises(FeedbackInputError, match=r"final_learning_rate is 5e-05, expected at most learning_rate"):
        resolved({"learning_rate": 1e-5})
    with pytest.raises(FeedbackInputError, match=r"decay is 0\.3 after a warmup of 0\.8"):
        resolved({"warmup": 0.8})


@pytest.mark.parametrize(
    "section",
    [
        {"untrained": True, "recipe": {"epochs": 1}},
        {"untrained": True, "distillation": {"method": "kd", "teacher": {"name": "crnet"}}},
        {"checkpoint": "theirs.pth", "recipe": {"epochs": 1}},
    ],
)
def test_refuses_a_training_of_what_is_not_trained(section: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"got one beside .*, expected one of the two: nothing is trained"):
        COMPRESSORS.get_class("crnet").Parameters.model_validate({"name": "crnet", **section})


def test_joint_training_of_a_denoiser_is_changed_key_by_key() -> None:
    def joint(**settings: Any) -> TrainingRecipe:
        section = DnnNetParameters.model_validate(settings).joint
        assert section is not None
        return DnnNetParameters.joint_recipe(section)

    assert joint(joint={"samples": 300}) == joint().with_budget(samples=300)
    with pytest.raises(ValidationError, match="base: got paper, expected one of default, plain"):
        joint(joint={"base": "paper"})


def test_what_a_budget_and_a_start_leave_idle() -> None:
    recipe = TrainingRecipe(samples=100_000, batch_size=50, full_rate_steps=2000, full_rate_nmse_db=-14, decay=0.2)
    recipe = recipe.model_copy(update={"batch_statistics_nmse_db": -20.0})
    bare = TrainingRecipe(samples=100_000, batch_size=50)
    assert recipe.acting(10, start_nmse_db=-9) == bare
    assert recipe.acting(10, start_nmse_db=-15) == bare.model_copy(update={"full_rate_nmse_db": -14})
    both = {"full_rate_nmse_db": -14, "batch_statistics_nmse_db": -20}
    assert recipe.acting(10, start_nmse_db=-21) == bare.model_copy(update=both)
    short = recipe.with_budget(samples=99_950)
    assert short.acting(10, start_nmse_db=-9) == short.model_copy(
        update={"decay": 0.3, "full_rate_nmse_db": None, "batch_statistics_nmse_db": None}
    )
