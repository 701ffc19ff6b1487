"""Compressors in a user's file: what is loaded, what is refused, and what their weights belong to."""

import hashlib
import pickle
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from feedback.checkpoint import checkpoint_key, load_checkpoint, save_checkpoint
from feedback.compressor import COMPRESSORS
from feedback.errors import FeedbackInputError
from feedback.plugin_content import plugin_digest, plugin_files
from feedback.plugin_file import PluginParameters, build_compressor, compressor_class, load_plugin
from feedback.recipe import TrainingRecipe
from feedback.training import TrainingOutcome

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
    assert network.parameters.width == 3
    assert (network.parameters.name, network.length) == ("shallow_net", 32)
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
    file.write_text(file.read_text().replace("image + self.path(image)", "image - self.path(image)"))
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
        ("x = 1", "got nothing as ShallowNet"),
        ("ShallowNet = 3", "got 3 as ShallowNet .*, expected a subclass of Compressor"),
        ("from feedback.compressors.csinet import CsiNet as ShallowNet", "expected a subclass of Compressor"),
        (
            "from feedback.compressor import Compressor\nclass ShallowNet(Compressor):\n    pass",
            "has no Parameters, expected a CompressorParameters",
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
