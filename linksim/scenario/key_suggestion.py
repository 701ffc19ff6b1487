"""What a reader of "unknown key" needs: the key that was meant, or the keys that there are."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from types import NoneType
from typing import Any, get_args

from pydantic import BaseModel

from linksim.scenario.plugin_kinds import KINDS, PluginKind

# Words of the field, and the keys that say it here; only those that the section has are suggested.
_OTHER_WORDS: Mapping[str, Sequence[str]] = {
    "n_tx": ("n_columns", "n_rows", "polarization", "n_polarizations"),
    "num_tx": ("n_columns", "n_rows", "polarization", "n_polarizations"),
    "n_antennas": ("n_columns", "n_rows", "polarization", "n_polarizations"),
    "antennas": ("n_columns", "n_rows", "polarization", "n_polarizations"),
    "num_rx": ("n_rx",),
    "n_ue_antennas": ("n_rx",),
    "fc": ("carrier_hz",),
    "carrier_frequency": ("carrier_hz",),
    "frequency": ("carrier_hz",),
    "subcarriers": ("n_subcarriers",),
    "fft_size": ("n_subcarriers",),
    "velocity": ("speed_m_s",),
    "scenario": ("model", "environment"),
    "cr": ("compression_ratio",),
    "rate": ("compression_ratio", "code_rate", "learning_rate"),
    "lr": ("learning_rate",),
    "budget": ("epochs", "samples", "minutes"),
    "type": ("name", "source"),
}
_SHOWN = 30


def unknown_key(key: str, section: Sequence[str], model: type[BaseModel], root: type[BaseModel]) -> str:
    """What to say of a key that is not known.

    Args:
        key: the key.
        section: path of the section that it stands in.
        model: the model of that section.
        root: the model of the whole document.
    """
    known = sorted(field.alias or name for name, field in model.model_fields.items())
    meant = [word for word in _OTHER_WORDS.get(key.lower(), ()) if word in known]
    if meant:
        return f"unknown key, did you mean {' or '.join(map(repr, meant))}?"
    close = closest(key, known)
    # A word that is a key elsewhere may be spelt right and stand in the wrong section.
    # An entry of a list, as in ``compressors.0``, stands in the section of its list.
    here = [part for part in section if not part.isdigit()]
    elsewhere = [place for place in _places(root).get(key, ()) if place.split(".")[:-1] != here]
    likely = [*([close] if close else []), *elsewhere[:3]]
    if likely:
        return f"unknown key{' here' if elsewhere else ''}, did you mean {' or '.join(map(repr, likely))}?"
    shown = known[:_SHOWN] if known else ["none"]
    return f"unknown key, expected one of {', '.join(shown)}"


def closest(word: str, known: Sequence[str]) -> str | None:
    """The one of some names that a misspelt one stands for, ``None`` where none is close."""
    by_lower = {name.lower(): name for name in known}
    found = difflib.get_close_matches(word[:100].lower(), list(by_lower), n=1, cutoff=0.7)
    return by_lower[found[0]] if found else None


def unknown_name(name: object, known: Sequence[str]) -> str:
    """What to say of a name that is none of some names."""
    close = closest(str(name), known)
    meant = f"did you mean {close!r}? " if close else ""
    return f"got {str(name)[:60]!r}, {meant}expected one of {', '.join(known)}"


def missing_name(kind: PluginKind | None, section: Any) -> str:
    """What to say of a plug-in's section without a name: which plug-ins its other keys fit, or which key fits none."""
    if kind is None or not isinstance(section, Mapping):
        return "missing, expected the name of a plug-in (`linksim list` shows them)"
    models = {name: kind.parameters(name) for name in kind.names}
    keys = {name: {field.alias or key for key, field in model.model_fields.items()} for name, model in models.items()}
    known = sorted(set().union(*keys.values()))
    foreign = [str(key) for key in section if str(key) not in known]
    if foreign:
        close = closest(foreign[0], known)
        meant = f", did you mean {close!r}?" if close else ""
        return f"missing, expected one of {', '.join(keys)}; {foreign[0]!r} is a key of none of them{meant}"
    fitting = [name for name, its_keys in keys.items() if its_keys.issuperset(map(str, section))]
    return f"missing, expected one of {', '.join(fitting or keys)}"


@cache
def _places(root: type[BaseModel]) -> Mapping[str, Sequence[str]]:
    """Keys of a document and where they stand, those of plug-ins among them."""
    found: dict[str, list[str]] = {}
    for place in [*_keys(root, ""), *_plugin_keys()]:
        places = found.setdefault(place.rpartition(".")[2], [])
        if place not in places:
            places.append(place)
    return found


def _keys(model: type[BaseModel], section: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield section + (field.alias or name)
        inner = section_model(field.annotation)
        if inner is not None:
            yield from _keys(inner, f"{section}{name}.")


def _plugin_keys() -> Iterator[str]:
    for kind in KINDS:
        for name in kind.names if kind.section else ():
            for key in kind.parameters(name).model_fields:
                yield f"{kind.section}.{key}"


def section_model(annotation: Any) -> type[BaseModel] | None:
    """The model of a section, which may be optional; ``None`` for anything else."""
    members = [member for member in (get_args(annotation) or (annotation,)) if member is not NoneType]
    (only,) = members if len(members) == 1 else (None,)
    return only if isinstance(only, type) and issubclass(only, BaseModel) else None
