"""A training budget given on the command line, in place of those of a scenario's recipes."""

import math
import re

from linksim.errors import InputError
from linksim.scenario.file import apply_override, validate_scenario
from linksim.scenario.model import Scenario

_FORM = re.compile(r"(\d+(?:\.\d+)?)\s*(epochs?|samples?|min(?:utes?)?|m)")


def budget_override(text: str) -> str:
    """``20000samples``, ``50epochs`` or ``5min`` as a setting ``training.budget={samples: 20000}`` of a scenario.

    Raises:
        InputError: if it is none of these.
    """
    match = _FORM.fullmatch(text.strip())
    if match is None or not 0 < float(match[1]) < math.inf:
        raise InputError(
            f"--budget: got {text!r}, expected a positive number with its unit: 50epochs, 100000samples or 5min"
        )
    number, unit = float(match[1]), match[2]
    if unit.startswith("m"):
        return f"training.budget={{minutes: {number}}}"
    if number != int(number):
        raise InputError(f"--budget: got {text!r}, expected a whole number of {unit}")
    return f"training.budget={{{'epochs' if unit.startswith('epoch') else 'samples'}: {int(number)}}}"


def with_budget(scenario: Scenario, text: str) -> Scenario:
    """A scenario whose networks are trained within a budget, as ``budget_override`` takes it.

    Raises:
        InputError: if it is none.
    """
    document = scenario.model_dump(mode="json")
    apply_override(document, budget_override(text))
    return validate_scenario(document, f"scenario {scenario.name}")
