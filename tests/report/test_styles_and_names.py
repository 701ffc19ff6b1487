"""Every compressor has one style and one name, whatever figure it is in."""

import itertools

import numpy as np
import pytest

from linksim.report.view.curve_style import PALETTES, curve_style_at, curve_styles
from linksim.report.view.names import compressor_titles
from linksim.scenario.plugin_kinds import COMPRESSOR, KINDS, value_title

SECTIONS = [kind for kind in KINDS if kind.section]
PLUGINS = [(kind, name) for kind in SECTIONS for name in kind.names]


@pytest.mark.parametrize(("kind", "name"), PLUGINS)
def test_every_plugin_says_what_it_is_called(kind, name):
    cls = kind.registry.get_class(name)
    assert "titles" in vars(cls), f"{cls.__name__} needs titles, what {name} is called in figures"
    title = kind.title_of(name)
    assert title.strip() == title != ""
    assert "_" not in title


@pytest.mark.parametrize("kind", SECTIONS, ids=lambda kind: kind.title)
def test_no_two_plugins_of_a_kind_are_called_the_same(kind):
    titles = [kind.title_of(name) for name in kind.names]
    assert len(set(titles)) == len(titles)


def test_labels_of_the_user_stay_and_names_become_titles():
    names = {"csinet": "csinet", "csinet 1/16": "csinet", "mine": "csinet", "csinet+": "csinet+", "csinet2": "csinet"}
    assert compressor_titles(names) == {
        "csinet": "CsiNet", "csinet 1/16": "CsiNet 1/16", "mine": "mine", "csinet+": "CsiNet+", "csinet2": "csinet2",
    }  # fmt: skip
    assert value_title("feedback.predictor", "kalman, order 4") == "Kalman, order 4"
    assert value_title("feedback.link.modulation", "qpsk") == "qpsk"


ORDERS = [["topk", "klt", "csinet"], ["csinet", "klt"], ["identity", "klt", "crnet", "csinet", "topk"]]


@pytest.mark.parametrize("labels", ORDERS)
def test_a_well_known_scheme_looks_the_same_in_every_run(labels):
    alone = {label: curve_styles([label])[label] for label in labels}
    assert curve_styles(labels) == alone


def test_what_a_label_stands_for_decides_and_its_own_name_comes_first():
    found = curve_styles(["small", "csinet"], {"small": "csinet", "csinet": "csinet"})
    assert found["csinet"] == curve_styles(["csinet"])["csinet"]
    assert found["small"].colour != found["csinet"].colour


def test_looks_are_told_apart_in_grey_and_colours_while_there_are_any():
    names = [name for name in COMPRESSOR.names if name != "identity"]
    found = curve_styles([*names, *(f"own {i}" for i in range(55 - len(names)))])
    assert len({(style.marker, str(style.line)) for style in found.values()}) == 55
    first = curve_styles([*(f"own {i}" for i in range(8))])
    assert len({style.colour for style in first.values()}) == 8


# Machado, Oliveira and Fernandes, IEEE TVCG 15(6), 2009: linear RGB as the colour-blind see it.
VISION = {
    "all cones": np.eye(3),
    "no red cones": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "no green cones": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("palette", ["okabe-ito", "muted"])
def test_colours_are_told_apart_by_the_colour_blind(vision, palette):
    for a, b in itertools.combinations(PALETTES[palette], 2):
        one, other = (_lab(VISION[vision] @ _linear(colour)) for colour in (a, b))
        # CIE76: from about 2.3 on, two fields side by side are told apart.
        assert np.linalg.norm(one - other) > 4 * 2.3, (a, b)


def test_a_place_has_one_look_in_every_palette_but_for_its_colour():
    for palette in PALETTES:
        assert (curve_style_at(9, palette).marker, curve_style_at(9, palette).line) == (
            curve_style_at(9).marker,
            curve_style_at(9).line,
        )


def _linear(colour: str) -> np.ndarray:
    encoded = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def _lab(linear: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of linear sRGB under D65."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = np.cbrt(np.clip(to_xyz @ linear / np.array([0.9505, 1.0, 1.089]), 0, None))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])
