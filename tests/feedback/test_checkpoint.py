"""Checkpoints: what is saved comes back, what is damaged is refused in one line."""

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save
from torch import Tensor

from feedback.checkpoint import load_checkpoint, save_checkpoint
from feedback.checkpoint_info import CheckpointInfo, Storage, read_info
from feedback.checkpoint_key import checkpoint_key, checkpoint_path
from feedback.compressor import COMPRESSORS
from feedback.errors import FeedbackInputError
from feedback.layers.binary import binary_weights
from feedback.neural import NeuralCompressor
from feedback.training.options import TrainingOutcome
from feedback.training.recipe import TrainingRecipe
from feedback.weight_storage import DEFAULT_STEP, StoredWeights, packed

SHAPE = (8, 8)
TRAINING = {"channel": {"source": "sionna", "carrier_hz": 28e9}, "transform": {"n_delay": 8}}
RECIPE = TrainingRecipe(epochs=3)
OUTCOME = TrainingOutcome(start_nmse_db=-1.0, validation_nmse_db=-7.5, best_epoch=2, samples_seen=600)


def network(
    seed: int = 0, shape: tuple[int, int] = SHAPE, name: str = "csinet", **parameters: object
) -> NeuralCompressor:
    network_class = COMPRESSORS.get_class(name)
    section = {"name": name, "compression_ratio": 4.0, **parameters}
    made = network_class(network_class.Parameters.model_validate(section), shape)
    assert isinstance(made, NeuralCompressor)
    made.initialise(torch.Generator().manual_seed(seed))
    return made


def save_to(folder: Path, compressor: NeuralCompressor, storage: Storage = "float16_fc") -> tuple[Path, CheckpointInfo]:
    path = checkpoint_path(folder, compressor, TRAINING)
    stored = StoredWeights(packed(compressor.state(), storage, binary_weights(compressor)), storage)
    info = save_checkpoint(path, compressor, TRAINING, recipe=RECIPE, outcome=OUTCOME, seed=7, stored=stored)
    return path, info


def channels() -> Tensor:
    csi = torch.randn(5, *SHAPE, dtype=torch.complex64, generator=torch.Generator().manual_seed(4))
    return csi / csi.abs().amax(dim=(1, 2), keepdim=True)


def rewrite(path: Path, tensors: dict[str, Tensor]) -> None:
    """Writes other tensors with a document that vouches for them."""
    content = save(tensors)
    path.write_bytes(content)
    document = json.loads(path.with_suffix(".json").read_text())
    document["sha256"] = hashlib.sha256(content).hexdigest()
    path.with_suffix(".json").write_text(json.dumps(document))


@pytest.mark.parametrize("storage", ["float32", "float16", "float16_fc", "int8", "coded"])
def test_weights_and_document_come_back(tmp_path: Path, storage: Storage) -> None:
    trained = network(seed=1)
    path, saved = save_to(tmp_path / "zoo", trained, storage)
    loaded = network(seed=2)
    info = load_checkpoint(path, loaded)
    assert info == saved == read_info(path)
    assert info.training == TRAINING
    assert info.recipe == RECIPE
    assert (info.seed, info.samples_seen, info.best_epoch) == (7, 600, 2)
    assert info.validation_nmse_db == -7.5
    for name, tensor in trained.state().items():
        if storage == "int8" and tensor.dim() == 2:
            # A row's 127 levels at each side of 0 reach to its largest weight; and two roundings of float32.
            half_step = tensor.abs().amax(dim=1, keepdim=True) / 254
            assert ((loaded.state()[name] - tensor).abs() <= half_step * (1 + 2**-16)).all()
            continue
        if storage == "coded" and tensor.dim() == 2:
            half_step = DEFAULT_STEP * tensor.square().mean().sqrt() / 2
            assert ((loaded.state()[name] - tensor).abs() <= half_step * (1 + 2**-16)).all()
            continue
        # Half precision rounds at 2^-11 of a weight; vectors stay float32.
        halved = tensor.dim() == 2 if storage == "float16_fc" else storage == "float16" and tensor.dim() > 1
        rtol = 2.0**-11 if halved else 0
        torch.testing.assert_close(loaded.state()[name], tensor, rtol=rtol, atol=1e-7 if rtol else 0)
    if storage == "float32":
        assert torch.equal(loaded.encode(channels()).values, trained.encode(channels()).values)
    assert sorted(file.suffix for file in path.parent.iterdir()) == [".json", ".safetensors"]


def test_key_depends_on_what_matters_and_nothing_else() -> None:
    base = checkpoint_key(network(), TRAINING)
    assert re.fullmatch("[0-9a-f]{12}", base)
    assert checkpoint_key(network(seed=5, label="mine"), TRAINING) == base
    assert checkpoint_key(network(init="klt"), dict(reversed(TRAINING.items()))) == base
    others = [
        checkpoint_key(network(compression_ratio=8.0), TRAINING),
        checkpoint_key(network(init="xavier"), TRAINING),
        checkpoint_key(network(recipe=TrainingRecipe(epochs=5)), TRAINING),
        checkpoint_key(network(shape=(8, 16)), TRAINING),
        checkpoint_key(network(), TRAINING | {"transform": {"n_delay": 16}}),
    ]
    assert len({base, *others}) == 6


def test_refuses_weights_of_another_compressor(tmp_path: Path) -> None:
    path, _ = save_to(tmp_path, network())
    for other in (network(compression_ratio=8.0), network(shape=(8, 16)), network(init="xavier")):
        before = {name: tensor.clone() for name, tensor in other.state().items()}
        with pytest.raises(FeedbackInputError, match=r"made for .*, expected"):
            load_checkpoint(path, other)
        assert all(torch.equal(before[name], tensor) for name, tensor in other.state().items())


def test_refuses_to_save_what_is_not_finite(tmp_path: Path) -> None:
    for spoilt, storage in ((float("nan"), "float32"), (1e6, "float16"), (float("inf"), "coded")):
        trained = network()
        trained.decoder.get_parameter("fc.weight").data[0, 0] = spoilt
        with pytest.raises(FeedbackInputError, match=r"decoder\.fc.weight(/scale)? is not finite"):
            save_to(tmp_path, trained, storage)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def _flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def _grow(path: Path) -> None:
    with path.open("ab") as file:
        file.truncate(50_000_000)


def _other_format(path: Path) -> None:
    content = b"\x80\x04 a pickle, perhaps"
    path.write_bytes(content)
    document = json.loads(path.with_suffix(".json").read_text())
    document["sha256"] = hashlib.sha256(content).hexdigest()
    path.with_suffix(".json").write_text(json.dumps(document))


def _rename_a_tensor(path: Path) -> None:
    tensors = load_file(path)
    tensors["encoder.other"] = tensors.pop("encoder.fc.bias")
    rewrite(path, tensors)


def _reshape_a_tensor(path: Path) -> None:
    tensors = load_file(path)
    rewrite(path, tensors | {"encoder.fc.bias": tensors["encoder.fc.bias"][:-1].clone()})


def _spoil_a_tensor(path: Path) -> None:
    tensors = load_file(path)
    tensors["decoder.fc.bias"][0] = float("nan")
    rewrite(path, tensors)


def _wrong_dtype(path: Path) -> None:
    tensors = load_file(path)
    rewrite(path, tensors | {"decoder.fc.bias": tensors["decoder.fc.bias"].double()})


def _edit_document(**changes: object) -> Callable[[Path], None]:
    def edit(path: Path) -> None:
        document = json.loads(path.with_suffix(".json").read_text())
        path.with_suffix(".json").write_text(json.dumps(document | changes))

    return edit


def _write_document(text: str) -> Callable[[Path], None]:
    return lambda path: path.with_suffix(".json").write_text(text) and None


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.unlink(), "No such file"),
        (lambda path: path.with_suffix(".json").unlink(), "No such file"),
        (_truncate, "got SHA-256 .*, expected"),
        (_flip_a_bit, "got SHA-256 .*, expected"),
        (_grow, "got more than .* bytes"),
        (_other_format, "[Hh]eader"),
        (_rename_a_tensor, "encoder.fc.bias is missing"),
        (_reshape_a_tensor, r"got shape \[31\], expected \[32\]"),
        (_spoil_a_tensor, "got NaN or infinity, expected"),
        (_wrong_dtype, "got torch.float64, expected torch.float32"),
        (_edit_document(sha256="0" * 64), "got SHA-256 .*, expected 0000"),
        (_edit_document(storage="float8"), "storage: .*, expected"),
        (_edit_document(surprise=1), "surprise: .*, expected"),
        (_edit_document(shape=[8, 16]), "made for .*, expected"),
        (_edit_document(validation_nmse_db="NaN"), "validation_nmse_db: .*, expected"),
        (_write_document("{"), "expected a checkpoint's document"),
        (_write_document("[]"), "expected a checkpoint's document"),
        (_write_document("[" * 100_000), "expected a checkpoint's document"),
    ],
)
def test_refuses_damage_in_one_line(tmp_path: Path, damage: Callable[[Path], None], message: str) -> None:
    path, _ = save_to(tmp_path, network(seed=1))
    damage(path)
    victim = network(seed=2)
    before = {name: tensor.clone() for name, tensor in victim.state().items()}
    with pytest.raises(FeedbackInputError, match=message) as caught:
        load_checkpoint(path, victim)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert all(torch.equal(before[name], tensor) for name, tensor in victim.state().items())


def test_a_networks_own_default_is_part_of_its_key() -> None:
    def key(name: str, **given: object) -> str:
        model = COMPRESSORS.get_class(name).Parameters
        parameters = model.model_validate({"name": name, "compression_ratio": 4, **given})
        return checkpoint_key(COMPRESSORS.get_class(name)(parameters, (16, 16)), {})

    noise = {"snr_db": [-5, 40]}
    # CLLWCsiNet is trained through noise where nothing is said, the others are not.
    assert key("cllwcsinet") == key("cllwcsinet", disturbance=noise)
    assert key("cllwcsinet") != key("cllwcsinet", disturbance=None)
    assert key("csinet") == key("csinet", disturbance=None)
    assert key("csinet") != key("csinet", disturbance=noise)
    # What a network has a default of its own for is in the document, also where it is switched off; else the document
    # would be taken for that of the default.
    document = {"snr_db": [-5.0, 40.0]}
    text = json.dumps([{"name": "cllwcsinet", "compression_ratio": 4.0, "disturbance": document}, [16, 16], {}])
    assert key("cllwcsinet") == _hash(text)
    text = json.dumps([{"name": "cllwcsinet", "compression_ratio": 4.0, "disturbance": None}, [16, 16], {}])
    assert key("cllwcsinet", disturbance=None) == _hash(text)


def _hash(text: str) -> str:
    canonical = json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]
