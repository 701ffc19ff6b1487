"""Link-level simulation testbed for CSI feedback in FDD massive MIMO.

>>> import linksim
>>> linksim.load_scenario("uma_28ghz").snr_db
20.0
"""

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from linksim.api import compare, load_codec, open_run, run, train
    from linksim.errors import InputError
    from linksim.result import Result, Weights
    from linksim.scenario.model import Scenario
    from linksim.scenario_like import load_scenario, points

__all__ = [
    "InputError",
    "Result",
    "Scenario",
    "Weights",
    "compare",
    "load_codec",
    "load_scenario",
    "open_run",
    "points",
    "run",
    "train",
]

_MODULES = dict.fromkeys(__all__, "linksim.api") | {
    "InputError": "linksim.errors",
    "Result": "linksim.result",
    "Weights": "linksim.result",
    "load_scenario": "linksim.scenario_like",
    "points": "linksim.scenario_like",
    "Scenario": "linksim.scenario.model",
}

# A library shows nothing by itself: what is logged goes where the program that uses it says.
logging.getLogger(__name__).addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    # Loaded when asked for (PEP 562): `import linksim` and `linksim --help` need no PyTorch.
    if name == "__version__":
        from importlib.metadata import version

        return version("linksim")
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
