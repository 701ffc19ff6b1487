"""Compressors in a user's file: what is loaded, what is refused, and what their weights belong to."""

import hashlib
import pickle
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from feedback.checkpoint import load_checkpoint, save_checkpoint
from feedback.checkpoint_key import checkpoint_key
from feedback.compressor import COMPRESSORS, CompressorParameters
from feedback.conformance.compressor import check_compression_ratio, failures
from feedback.conformance.network import candidate_of
from feedback.conformance.plugin_check import check_plugin_shapes
from feedback.errors import FeedbackInputError
from feedback.neural import NeuralCompressor
from feedback.plugin_content import plugin_digest, plugin_files
from feedback.plugin_file import PluginParameters, build_compressor, compressor_class, load_plugin
from feedback.training.options import TrainingOutcome
from feedback.training.recipe import TrainingRecipe
from tests.feedback.own_file import FIRST_VALUES

EXAMPLE = Path(__file__).resolve().parents[2] / "scenarios/plugins/shallow_net.py"
OUTCOME = TrainingOutcome(start_nmse_db=-1.0, validation_nmse_db=-7.5, best_epoch=2, samples_seen=600)


def section(file: Path, **given: object) -> PluginParameters:
    return PluginParameters.model_validate({"plugin": f"{file}:ShallowNet", "compression_ratio": 4.0, **given})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    copy = tmp_path / "net.py"
    copy.write_text(EXAMPLE.read_text())
    return copy


def test_section_holds_what_the_class_says(file: Path) -> None:
    made = section(file, width=3, label="mine")
    assert made.name == "ShallowNet"
    assert made.model_extra is not None
    assert (made.model_extra["width"], made.model_extra["recipe"], made.label) == (3, None, "mine")
    network = build_compressor(made, (8, 8))
    assert network.settings.width == 3
    assert (network.settings.name, network.length) == ("shallow_net", 32)
    assert compressor_class(made).__doc__ == load_plugin(EXAMPLE, "ShallowNet").__doc__
    # A section says all that another process needs to build the same; worker processes get it pickled.
    assert PluginParameters.model_validate(made.model_dump(mode="json")) == made
    assert type(build_compressor(pickle.loads(pickle.dumps(made)), (8, 8))) is type(network)


def test_class_checks_its_own_parameters(file: Path) -> None:
    for given, key in (({"width": 0}, "width"), ({"widht": 3}, "widht"), ({"compression_ratio": -1}, "compression_")):
        with pytest.raises(ValidationError, match=key) as caught:
            section(file, **given)
        assert str(caught.value.errors()[0]["loc"][0]).startswith(key)


def test_modules_beside_the_file_belong_to_its_code(file: Path) -> None:
    """Those that it imports, and those that they import, in packages as well; others do not."""
    alone = plugin_digest(file)
    assert alone == hashlib.sha256(file.read_bytes()).hexdigest()
    (file.parent / "unused.py").write_text("x = 1")
    assert plugin_digest(file) == alone
    file.write_text(file.read_text() + "\nif False:\n    import helper\n    from package import part\n")
    (file.parent / "package").mkdir()
    names = ("helper.py", "package/__init__.py", "package/part.py", "package/deep.py")
    texts = ("import torch", "", "from . import deep", "import unused")
    for name, text in zip(names, texts, strict=True):
        (file.parent / name).write_text(text)
    assert plugin_files(file) == [file, *sorted(file.parent / name for name in (*names, "unused.py"))]
    digests = {plugin_digest(file)}
    for name in (*names, "unused.py"):
        (file.parent / name).write_text(f"# {name}")
        digests.add(plugin_digest(file))
    # Each edit makes other code, until a module that was edited imports the rest no more.
    assert len(digests) >= 4
    assert plugin_files(file) == [file, file.parent / "helper.py", *sorted((file.parent / "package").glob("[_p]*.py"))]


def test_weights_belong_to_the_code_that_learnt_them(file: Path, tmp_path: Path) -> None:
    network = build_compressor(section(file), (8, 8))
    weights = tmp_path / "weights.safetensors"
    save_checkpoint(weights, network, {}, recipe=TrainingRecipe(), outcome=OUTCOME, seed=1)
    load_checkpoint(weights, build_compressor(section(file), (8, 8)))
    key = checkpoint_key(network, {})
    file.write_text(file.read_text().replace("return image + path", "return image - path"))
    edited = build_compressor(section(file), (8, 8))
    assert checkpoint_key(edited, {}) != key
    with pytest.raises(FeedbackInputError, match=r"made for .*, expected"):
        load_checkpoint(weights, edited)


def test_runs_only_what_was_validated(file: Path) -> None:
    made = section(file)
    file.write_text(file.read_text() + "\n# Edited.\n")
    with pytest.raises(FeedbackInputError, match=r"has changed: got SHA-256 .*, expected"):
        build_compressor(made, (8, 8))
    with pytest.raises(ValidationError, match="has changed"):
        PluginParameters.model_validate(made.model_dump(mode="json"))


def test_registry_stays_what_ships(file: Path) -> None:
    before = set(COMPRESSORS.keys())
    text = file.read_text().replace("class ShallowNet(", '@COMPRESSORS.register("my_net")\nclass ShallowNet(')
    file.write_text("from feedback.compressor import COMPRESSORS\n" + text)
    assert load_plugin(file, "ShallowNet").__name__ == "ShallowNet"
    assert set(COMPRESSORS.keys()) == before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = (", "line 1: SyntaxError: .*, expected a file that runs"),
        ("\nimport no_such_module", "line 2: ModuleNotFoundError: No module named 'no_such_module', expected"),
        ("import sys\nsys.exit(3)", "line 2: SystemExit: 3, expected a file that runs"),
        ("x = 1", "got nothing as ShallowNet"),
        ("ShallowNet = 3", "got 3 as ShallowNet .*, expected a subclass of Compressor"),
        ("from feedback.compressors.csinet import CsiNet as ShallowNet", "expected a subclass of Compressor"),
        (
            "from feedback.compressor import Compressor\nclass ShallowNet(Compressor):\n    pass",
            "ShallowNet in .* has no complexity, decode, encode, expected these methods",
        ),
        (
            "from feedback.compressor import Compressor\nclass ShallowNet(Compressor):\n    inner = 'network'",
            "line 2: TypeError: ShallowNet: got inner = 'network' without build_inner, expected both or neither",
        ),
        (
            "from feedback.networks.fully_connected import FullyConnectedNetwork\n"
            "class ShallowNet(FullyConnectedNetwork):\n"
            "    Parameters = 3\n    build_features = build_refinement = None",
            "got 3 as Parameters of ShallowNet in .*, expected a subclass of .*CompressorParameters .*, or none",
        ),
        (
            "from torch import nn\nclass ShallowNet(nn.Module):\n    pass",
            r"expected a subclass of Compressor that is defined there: derive a class from .*NeuralCompressor whose "
            r"build_encoder returns .* codewords \[batch, self.length\]",
        ),
    ],
)
def test_refuses_a_file_in_one_line(file: Path, text: str, message: str) -> None:
    file.write_text(text)
    modules = set(sys.modules)
    with pytest.raises(FeedbackInputError, match=message) as caught:
        load_plugin(file, "ShallowNet")
    assert "\n" not in str(caught.value)
    assert str(file) in str(caught.value)
    if "expected a file that runs" in message:
        assert set(sys.modules) == modules


@pytest.mark.parametrize("plugin", ["net.py", "net.txt:Net", "net.py:", "net.py:a.b", ":Net", "absent.py:Net"])
def test_refuses_what_is_no_file_and_class(plugin: str) -> None:
    with pytest.raises(ValidationError, match=r"plugin: .*expected FILE.py:CLASS"):
        PluginParameters.model_validate({"plugin": plugin})


def test_refuses_a_name_of_its_own(file: Path) -> None:
    with pytest.raises(ValidationError, match="got the name 'mine' beside plugin, expected a `label` instead"):
        section(file, name="mine")


def test_modules_beside_the_file_import_and_stay_its_own(tmp_path: Path) -> None:
    """Helpers of one name in two folders, and an edited helper, are each their own."""
    for folder, width in (("one", 3), ("other", 5)):
        (tmp_path / folder / "parts").mkdir(parents=True)
        (tmp_path / folder / "parts/__init__.py").write_text("from parts.sizes import WIDTH\n")
        (tmp_path / folder / "parts/sizes.py").write_text(f"WIDTH = {width}\n")
        text = EXAMPLE.read_text().replace("default=8", "default=WIDTH")
        (tmp_path / folder / "net.py").write_text(f"from parts import WIDTH\n# {folder}\n{text}")
    for folder, width in (("one", 3), ("other", 5)):
        made = section(tmp_path / folder / "net.py").own()
        assert isinstance(made, CompressorParameters)
        assert made.model_dump()["width"] == width
    assert "parts" not in sys.modules
    assert str(tmp_path / "one") not in sys.path
    assert not list(tmp_path.rglob("__pycache__"))


def test_an_error_in_a_helper_names_the_helper(file: Path) -> None:
    (file.parent / "helper.py").write_text("\n\nlength = 1 / 0\n")
    file.write_text("import helper\n" + file.read_text())
    with pytest.raises(FeedbackInputError, match=r"helper\.py, line 3: ZeroDivisionError: division by zero, expected"):
        load_plugin(file, "ShallowNet")


FREE = """
import torch
from torch import nn
from feedback.neural import NeuralCompressor


class ShallowNet(NeuralCompressor):
    def build_encoder(self):
        return nn.Sequential(nn.Flatten(), nn.Linear(2 * self.shape[0] * self.shape[1], self.length))

    def build_decoder(self):
        n_values = 2 * self.shape[0] * self.shape[1]
        return nn.Sequential(nn.Linear(self.length, n_values), nn.Unflatten(1, (2, *self.shape)))
"""

FAULTS = [
    (
        "self.length))",
        "100))",
        r"line 8, in build_encoder: encode: got shape \[2, 100\], expected .*\[2, 32\]",
    ),
    ("nn.Linear(self.length", "nn.Linear(7", r"line 11, in build_decoder: decode: got RuntimeError: mat1 .*\[2, 32\]"),
    ("(2, *self.shape)", "(1, 2, *self.shape)", r"line 11, in build_decoder: decode: got shape \[2, 1, 2, 8, 8\], exp"),
    (
        "n_values = 2 *",
        "n_values = [] *",
        r"line 13: got TypeError: .*, expected ShallowNet to be built for",
    ),
    (
        "nn.Sequential(nn.Linear(self.length, n_values)",
        "nn.Sequential(nn.Threshold(9e9, float('nan')), nn.Linear(self.length, n_values)",
        r"line 11, in build_decoder: decode: got values that are NaN or infinite, expected finite images",
    ),
    ("nn.Flatten(), ", "", r"line 8, in build_encoder: encode: got RuntimeError: .*, expected it to take channels"),
]


@pytest.mark.parametrize(("good", "bad", "message"), FAULTS)
def test_wrong_shapes_are_one_line_with_the_users_file_and_line(file: Path, good: str, bad: str, message: str) -> None:
    file.write_text(FREE.replace(good, bad))
    made = section(file)

    def build_and_check() -> None:
        check_plugin_shapes(build_compressor(made, (8, 8)), made.plugin)

    with pytest.raises(FeedbackInputError, match=message) as caught:
        build_and_check()
    assert "\n" not in str(caught.value)
    assert str(file) in str(caught.value)


def test_a_decoder_that_sees_more_than_the_codeword_is_refused(tmp_path: Path) -> None:
    """What it encodes lies beside what it sends, for its decoder to find."""
    file = tmp_path / "peeks.py"
    file.write_text(FIRST_VALUES)
    made = PluginParameters.model_validate({"plugin": f"{file}:FirstValues"})
    check_plugin_shapes(build_compressor(made, (8, 8)), made.plugin)
    peeks = FIRST_VALUES.replace("        return Codeword", "        self.seen = csi\n        return Codeword")
    file.write_text(peeks.replace("return csi", "return self.seen"))
    made = PluginParameters.model_validate({"plugin": f"{file}:FirstValues"})
    with pytest.raises(FeedbackInputError, match=r"in decode: decode: got other .* what the codeword alone says"):
        check_plugin_shapes(build_compressor(made, (8, 8)), made.plugin)


def test_codewords_that_follow_earlier_ones_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "counts.py"
    counts = (
        "        self.calls = getattr(self, 'calls', 0) + 1\n        csi = csi * self.calls\n        return Codeword"
    )
    assert FIRST_VALUES.count("        return Codeword") == 1
    file.write_text(FIRST_VALUES.replace("        return Codeword", counts))
    made = PluginParameters.model_validate({"plugin": f"{file}:FirstValues"})
    with pytest.raises(FeedbackInputError, match=r"in encode: encode: got another codeword .* what the channel alone"):
        check_plugin_shapes(build_compressor(made, (8, 8)), made.plugin)


def test_parameters_are_optional(file: Path) -> None:
    file.write_text(FREE)
    made = section(file)
    network = build_compressor(made, (8, 8))
    check_plugin_shapes(network, made.plugin)
    assert (network.settings.name, network.length) == ("ShallowNet", 32)
    with pytest.raises(ValidationError, match="width"):
        section(file, width=3)
    assert isinstance(network, NeuralCompressor)
    # Drawn weights: no smaller steps for FC layers.
    assert not network.starts_as_klt
    assert TrainingRecipe().resolved(network.starts_as_klt).fc_rate_ratio == 1.0


def test_codewords_longer_than_their_ratio_says_are_no_fair_comparison(tmp_path: Path) -> None:
    text = FIRST_VALUES.replace("    has_ratio = False\n", "").replace(
        "Compressor, CompressorParameters", "Compressor, CompressorParameters, codeword_length"
    )
    text = text.replace("csi[:, 0, :2] = torch.view_as_complex(received.values.unflatten(1, (2, 2)))", "pass")
    for more, problem in ((3, "length: got 131 values at CR 4, expected at most 128"), (0, None)):
        file = tmp_path / f"longer_by_{more}.py"
        length = f"codeword_length(shape, parameters.compression_ratio) + {more}"
        file.write_text(text.replace("self.length = 4", f"self.length = {length}"))
        kind = PluginParameters.model_validate({"plugin": f"{file}:FirstValues", "compression_ratio": 4}).load()
        candidate = candidate_of(kind, {"name": "FirstValues"})
        assert list(failures(candidate, (check_compression_ratio,))) == [(check_compression_ratio, problem)]
