"""Networks that are adapted to another source: where they start, and what their documents say."""

from dataclasses import replace

from feedback.checkpoint_info import read_info
from feedback.neural import NeuralCompressor
from linksim.errors import InputError
from linksim.preparation.prepare import weights_file
from linksim.preparation.scheme_spec import SchemeSpec
from linksim.preparation.trained_network import trained_network
from linksim.scenario.model import Scenario


def unadapted(spec: SchemeSpec) -> SchemeSpec:
    """The network that an adapted one starts from."""
    parameters = spec.parameters.model_copy(update={"adaptation": None})
    return replace(spec, parameters=parameters, adapted_to=None)


def load_unadapted(spec: SchemeSpec) -> NeuralCompressor:
    """The network that an adapted one starts from, with its weights of the zoo.

    Raises:
        InputError: if it has no weights yet.
    """
    start = unadapted(spec)
    file = weights_file(start)
    if not file.exists():
        raise InputError(f"compressors: {spec.label}: adaptation: no trained weights in {file}, expected them there")
    return trained_network(start, file)


def adaptation_record(spec: SchemeSpec, adapted_to: Scenario) -> dict[str, object]:
    """What the document of an adapted network says beside what every document says."""
    start = read_info(weights_file(unadapted(spec)))
    return {
        "adapted_to": adapted_to.channel.model_dump(mode="json"),
        "started_from": {"sha256": start.sha256, "samples_seen": start.samples_seen},
    }
