"""The tiny version of a scenario: every stage runs, on few channels."""

from channels.source_parameters import BLOCK_SIZE
from linksim.metrics.multi_user import MULTI_USER_METRICS
from linksim.scenario.model import Scenario
from linksim.scenario.monte_carlo_section import MonteCarloSection
from linksim.scenario.training_section import BudgetSection

_TEST_CHANNELS = 20
_TRAINING_CHANNELS = 200
# The largest cell.
_TEST_CHANNELS_OF_CELLS = BLOCK_SIZE // 2
_VALUES_PER_AXIS = 2


def smoke(scenario: Scenario, zoo: str) -> Scenario:
    """A scenario of the same path that takes seconds.

    Args:
        scenario: the real one.
        zoo: folder for weights that are trained on the way and mean nothing.
    """
    training = scenario.training.model_copy(
        update={
            "samples": _TRAINING_CHANNELS,
            "network_samples": _TRAINING_CHANNELS,
            "validation_samples": _TRAINING_CHANNELS // 4,
            "budget": BudgetSection(epochs=1),
        }
    )
    sweeps = {
        name: {axis: values[:_VALUES_PER_AXIS] for axis, values in axes.items()}
        for name, axes in scenario.sweeps.items()
    }
    stop = scenario.monte_carlo.stop
    if stop is not None:
        stop = stop.model_copy(update={"minimum_samples": _TEST_CHANNELS // 2})
    of_cells = not MULTI_USER_METRICS.isdisjoint(scenario.metrics)
    test_channels = _TEST_CHANNELS_OF_CELLS if of_cells else _TEST_CHANNELS
    return scenario.model_copy(
        update={
            "name": f"{scenario.name}.smoke",
            "monte_carlo": MonteCarloSection(samples=test_channels, stop=stop),
            "training": training,
            "sweeps": sweeps,
            "zoo": zoo,
        }
    )
