"""What a scenario says of a recipe: keys that lie over the recipe that would hold without them, or over another one."""

from collections.abc import Iterable, Mapping
from copy import copy
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import ConfigDict, Field, ValidationError, create_model, model_serializer, model_validator

from feedback.errors import FeedbackInputError
from feedback.training.recipe import BUDGETS, TrainingRecipe

Base = Literal["default", "paper", "plain"]

# Keys that bound each other, so that some of them do not go with every base.
_BOUND = {"learning_rate", "final_learning_rate", "schedule", "warmup", "decay"}


def _optional(name: str) -> tuple[Any, Any]:
    """A key that need not be given; null is not the same, but a value of some keys."""
    field = copy(TrainingRecipe.model_fields[name])
    if field.default is not None:
        field.description = f"{field.description} (plain: {field.default})"
    field.default = None
    return field.annotation, field


_Keys = create_model(
    "_Keys",
    __config__=ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False),
    base=(
        Base | None,
        Field(
            default=None,
            description="what the other keys lie over: the network's own recipe, the published one, or a plain one of "
            "Adam, batches of 200 and a rate that falls as a cosine; by default what would hold without this section",
        ),
    ),
    **{name: _optional(name) for name in TrainingRecipe.model_fields},
)  # type: ignore[call-overload]


class RecipeSection(_Keys):
    """How a network is trained, as far as it is other than by the recipe that would hold without this section.

    Only what was given counts, and is written out again.
    """

    if TYPE_CHECKING:
        base: Base | None = None

    @model_validator(mode="before")
    @classmethod
    def _as_it_is(cls, value: Any) -> Any:
        """A whole recipe, as Python code has it, is meant as it is."""
        if isinstance(value, TrainingRecipe):
            return {"base": "plain", **value.model_dump(exclude_defaults=True)}
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        """As far as it can be told without the base."""
        if self.base == "plain" or sum(self.given.get(name) is not None for name in BUDGETS) > 1:
            self.over(TrainingRecipe())
        return self

    @model_serializer
    def _written(self) -> dict[str, Any]:
        base = {} if self.base is None else {"base": self.base}
        return base | self.given

    @property
    def given(self) -> dict[str, Any]:
        """The keys that were given, but for the base."""
        names = [name for name in TrainingRecipe.model_fields if name in self.model_fields_set]
        return {name: getattr(self, name) for name in names}

    @property
    def may_clash(self) -> bool:
        """Whether some network, which is not known yet, may have no such base, or one that its keys do not go with."""
        return self.base == "paper" or (self.base != "plain" and not _BOUND.isdisjoint(self.given))

    def over(self, below: TrainingRecipe) -> TrainingRecipe:
        """The recipe with these keys in place of its own; a budget takes the place of any other budget.

        Raises:
            FeedbackInputError: if they do not go together.
        """
        values, given = below.model_dump(), self.given
        if any(given.get(name) is not None for name in BUDGETS):
            values |= dict.fromkeys(BUDGETS)
        try:
            return TrainingRecipe.model_validate(values | given)
        except ValidationError as error:
            raise FeedbackInputError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None


def recipe_with(sections: Iterable[RecipeSection | None], bases: Mapping[str, TrainingRecipe]) -> TrainingRecipe:
    """The recipe of some sections, each over the ones before, the first over the base ``default``.

    Args:
        sections: ``None`` for those that say nothing.
        bases: recipes by name, ``plain`` beside them.

    Raises:
        FeedbackInputError: if keys do not go with those below them, or there is no such base.
    """
    known = {**bases, "plain": TrainingRecipe()}
    recipe = known["default"]
    for section in (one for one in sections if one is not None):
        if section.base is not None and section.base not in known:
            raise FeedbackInputError(f"base: got {section.base}, expected one of {', '.join(known)}")
        recipe = section.over(recipe if section.base is None else known[section.base])
    return recipe


def check_phases(sections: Iterable[RecipeSection | None], are_chosen: bool) -> None:
    """Refuses sections that turn phases which reports choose; no base does of itself.

    Raises:
        FeedbackInputError: as ``TrainingRecipe.for_phases``.
    """
    turned = None
    for section in (one for one in sections if one is not None):
        turned = section.given.get("random_phase", turned if section.base is None else None)
    TrainingRecipe(random_phase=turned).for_phases(are_chosen)


def recipe_in_key(section: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe's section as keys and documents of trained weights have it.

    One over the plain recipe is there without a base, as what it is other than that. Any other names its base: no
    default recipe is part of a key, so that a better one does not orphan weights.
    """
    given = {name: value for name, value in section.items() if name != "base"}
    if section.get("base") != "plain":
        return {"base": section.get("base") or "default", **given}
    fields = TrainingRecipe.model_fields
    return {name: value for name, value in given.items() if name not in fields or fields[name].default != value}


def recipe_of_key(section: Mapping[str, Any]) -> dict[str, Any]:
    """The section that ``recipe_in_key`` was made of."""
    return {"base": "plain", **section}
