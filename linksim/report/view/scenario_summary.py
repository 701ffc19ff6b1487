"""A scenario in plain words: what was simulated, from the channel to the precoder."""

from typing import Any

from linksim.scenario.paired_axes import axis_keys

# Suffix of a key, unit, and the factors that are preferred in text.
_UNITS: tuple[tuple[str, str, tuple[tuple[float, str], ...]], ...] = (
    ("_hz", "Hz", ((1e9, "G"), (1e6, "M"), (1e3, "k"))),
    ("_m_s", "m/s", ()),
    ("_dbm", "dBm", ()),
    ("_db", "dB", ()),
    ("_deg", "\N{DEGREE SIGN}", ()),
    ("_m", "m", ()),
    ("_s", "s", ((1.0, ""), (1e-3, "m"), (1e-6, "\N{MICRO SIGN}"), (1e-9, "n"))),
)

# Keys whose own words say too little.
_NAMES = {"snr_db": "SNR", "feedback_snr_db": "feedback SNR", "n_delay": "delay rows kept", "bits": "bits per value"}

# Longer lists are shown by their ends.
_LIST_LENGTH = 9


def scenario_summary(scenario: dict[str, Any]) -> list[tuple[str, str]]:
    """Pairs of a topic and what the scenario says about it; topics that it does not mention are left out."""
    feedback = _mapping(scenario, "feedback")
    monte_carlo, training = _mapping(scenario, "monte_carlo"), _mapping(scenario, "training")
    budget = _mapping(scenario, "link_budget")
    lines = [
        ("Channel", _plugin(scenario.get("channel"))),
        ("Test channels per point", _test_channels(monte_carlo)),
        ("Training channels", _join(training, ("samples",), bare=True)),
        (
            "Downlink SNR",
            "" if budget or "snr_db" not in scenario else quantity("snr_db", scenario["snr_db"], bare=True),
        ),
        ("Link budget", _join(budget)),
        ("Channel estimation", _plugin(scenario.get("estimation"))),
        ("Angular-delay transform", _join(_mapping(scenario, "transform"))),
        (
            "Compression",
            f"1/{scenario['compression_ratio']:g}" if _is_number(scenario.get("compression_ratio")) else "",
        ),
        ("Compressors", _compressors(scenario.get("compressors"))),
        ("Quantiser", _plugin(feedback.get("quantiser"))),
        ("Feedback link", _plugin(feedback.get("link"))),
        ("Denoiser", _plugin(feedback.get("denoiser"))),
        ("Feedback delay", quantity("delay_s", feedback["delay_s"], bare=True) if "delay_s" in feedback else ""),
        ("Reports", _reports(feedback)),
        ("Predictor", _plugin(feedback.get("predictor"))),
        ("Precoder", _plugin(scenario.get("precoder"))),
    ]
    lines += [(f"Sweep {name}", _sweep(axes)) for name, axes in _mapping(scenario, "sweeps").items()]
    return [(topic, text) for topic, text in lines if text]


def quantity(key: str, value: Any, bare: bool = False) -> str:
    """A scenario entry in words, the unit taken from its key: ``carrier_hz: 28e9`` is ``carrier 28 GHz``.

    Args:
        key: scenario key.
        value: its value.
        bare: without the name.
    """
    suffix, unit, prefixes = next((entry for entry in _UNITS if f"_{key}".endswith(entry[0])), ("", "", ()))
    if isinstance(value, list | tuple):
        items = list(value) if len(value) <= _LIST_LENGTH else [*value[:3], "...", value[-1]]
        pairs = [_scaled(item, unit, prefixes) if _is_number(item) else (_swept(item), "") for item in items]
        units = {symbol for number, symbol in pairs if number not in ("0", "...")}
        shared = units.pop() if len(units) == 1 else None
        if shared is None:
            shown = ", ".join(f"{number} {symbol}".strip() for number, symbol in pairs)
        else:
            shown = f"{', '.join(number for number, _ in pairs)} {shared}".strip()
    elif _is_number(value):
        shown = " ".join(_scaled(value, unit, prefixes)).strip()
    else:
        shown = _plain(value)
    if bare:
        return shown
    name = key.removesuffix(suffix).removeprefix("n_").replace("_", " ")
    return f"{_NAMES.get(key) or name} {shown}"


def _scaled(value: float, unit: str, prefixes: tuple[tuple[float, str], ...]) -> tuple[str, str]:
    """Number and unit, with the prefix that leaves at least 1."""
    factor, prefix = next(((f, p) for f, p in prefixes if abs(value) >= f), (1.0, ""))
    # Twelve digits drop the rounding of the division, and keep seeds and counts whole.
    return f"{value / factor:.12g}".replace("-", "\N{MINUS SIGN}"), prefix + unit


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return f"({_join(value)})"
    return str(value)


def _join(section: dict[str, Any], keys: tuple[str, ...] | None = None, bare: bool = False) -> str:
    chosen = section if keys is None else {key: section[key] for key in keys if key in section}
    return ", ".join(quantity(str(key), value, bare) for key, value in chosen.items() if value is not None)


def _plugin(section: Any) -> str:
    """Name of the plug-in and its parameters."""
    if not isinstance(section, dict):
        return ""
    discriminator = "source" if "source" in section else "name"
    parameters = _join({key: value for key, value in section.items() if key != discriminator})
    name = str(section.get(discriminator, ""))
    return f"{name}: {parameters}" if parameters else name


def _swept(value: Any) -> str:
    """A swept value; a plug-in by its name and parameters."""
    return f"({_plugin(value)})" if isinstance(value, dict) else str(value)


def _reports(feedback: dict[str, Any]) -> str:
    """How often a UE reports, empty where it reports once."""
    if not feedback.get("report_period_s"):
        return ""
    period = f"every {quantity('report_period_s', feedback['report_period_s'], bare=True)}"
    return f"{period}, the last {feedback['n_reports']} seen" if feedback.get("n_reports") else period


def _test_channels(section: dict[str, Any]) -> str:
    count, stop = _join(section, ("samples",), bare=True), _mapping(section, "stop")
    if not stop:
        return count
    return f"until {stop.get('metric', '')} \N{PLUS-MINUS SIGN}{stop.get('half_width', '')}, at most {count}"


def _compressors(sections: Any) -> str:
    if not isinstance(sections, list):
        return ""
    names = []
    for section in sections:
        if isinstance(section, dict):
            name, label = str(section.get("name", "")), section.get("label")
            names.append(f"{label} ({name})" if label and label != name else name)
    return ", ".join(names)


def _sweep(axes: Any) -> str:
    if not isinstance(axes, dict):
        return ""
    return "; ".join(_axis(axis_keys(str(axis)), values) for axis, values in axes.items())


def _axis(keys: list[str], values: Any) -> str:
    """One axis; keys that go together with ``and`` between."""
    columns = [values] if len(keys) == 1 else list(zip(*values, strict=True))
    names = [key.removesuffix(".name").rpartition(".")[2] or key for key in keys]
    return " and ".join(quantity(name, list(column)) for name, column in zip(names, columns, strict=True))


def _mapping(section: dict[str, Any], key: str) -> dict[str, Any]:
    value = section.get(key)
    return value if isinstance(value, dict) else {}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
