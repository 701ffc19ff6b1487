"""The zoo: what it lists, what it finds wrong, and what its weights come to on test channels."""

import hashlib
import io
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from channels.source import SOURCES
from feedback.checkpoint import save_checkpoint, write_checkpoint
from feedback.checkpoint_info import read_info
from feedback.checkpoint_key import checkpoint_path
from feedback.compressors.topk import TopK
from feedback.csi_report.normalisation import Normalisation
from feedback.training.disturbance import Disturbance
from feedback.training.options import TrainingOutcome
from feedback.weight_storage import StoredWeights, packed
from linksim.preparation.needed_weights import needed_weights
from linksim.scenario.campaign import load_scenarios
from linksim.scenario.sweep import points_of
from linksim.studies.generalisation import runs_of
from linksim.studies.model import load_study
from linksim.zoo.entries import read_zoo, zoo_files

Command = Callable[..., tuple[int, str, str]]

ROOT = Path(__file__).resolve().parents[2]


def test_zoo_of_the_repository_is_sound(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shipped zoo is found from any folder."""
    monkeypatch.chdir(tmp_path)
    code, out, err = command("zoo", "verify")
    assert (code, err) == (0, "")
    assert out.startswith(f"{ROOT / 'zoo'}: valid, ")


def test_scenarios_that_ship_ask_for_all_of_it() -> None:
    """Weights are named by what they are for, their section's recipe included: what nothing asks for is lost."""
    files = [file for file in (ROOT / "scenarios").rglob("*.yaml") if file.parent.name != "studies"]
    scenarios = [scenario for file in files for scenario in load_scenarios(file)]
    study = ROOT / "scenarios" / "studies" / "generalization.yaml"
    scenarios += [run.scenario for run in runs_of(load_study(study), study)]
    asked = {file.name for scenario in scenarios for file in needed_weights(points_of(scenario))}
    assert {file.name for file in zoo_files(ROOT / "zoo")} <= asked


def test_list_is_what_the_documents_say(zoo: Path, command: Command) -> None:
    code, out, err = command("zoo", "list", "--zoo", zoo, "--csv")
    assert (code, err) == (0, "")
    assert "\r" not in out
    table = pd.read_csv(io.StringIO(out))
    assert sorted(table["network"]) == ["crnet", "csinet"]
    for row in table.itertuples():
        file = zoo / f"{row.name}.safetensors"
        info = read_info(file)
        assert row.sha256 == info.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
        assert (row.cr, row.scenario, row.seed, row.samples_seen) == (4, "tiny", 3, info.samples_seen)
        assert row.channel.startswith("sionna UMa")
        assert row.bytes == file.stat().st_size
        # Three decimals are kept.
        assert abs(row.validation_nmse_db - info.stored_nmse_db) <= 5e-4
    assert table["published_nmse_db"].isna().all()
    code, out, err = command("zoo", "list", "--zoo", zoo)
    assert (code, err) == (0, "")
    assert "csinet-cr4" in out
    assert "nan" not in out
    assert "trained with:" in out


def test_published_figures_stand_beside_those_of_their_channel(command: Command) -> None:
    table = pd.read_csv(io.StringIO(command("zoo", "list", "--zoo", ROOT / "zoo", "--csv")[1]))
    assert table["published_nmse_db"].notna().any()
    for row in table.itertuples():
        place = {"cost2100 indoor": "indoor", "cost2100 outdoor": "outdoor"}.get(row.channel)
        alike = place is not None and row.measured_through.startswith("perfect link")
        assert pd.isna(row.published_nmse_db) or alike
        printed = {
            ("crnet", 16, "indoor"): -11.35,
            ("csinet", 32, "indoor"): -6.24,
            ("cl-csinet", 16, "indoor"): -2.19,
            ("crnet", 16, "outdoor"): -5.44,
        }.get((row.network, row.cr, place))
        if alike and printed is not None:
            assert row.published_nmse_db == printed


def test_eval_is_the_nmse_on_test_channels(zoo: Path, command: Command) -> None:
    few = ("--zoo", zoo, "--samples", "60", "--training-samples", "100", "--workers", "1", "--csv")
    code, out, err = command("zoo", "eval", *few)
    assert code == 0, err
    table = pd.read_csv(io.StringIO(out)).set_index("compressor")
    assert list(table.index) == ["crnet", "csinet", "klt", "topk"]
    assert (table["n"] == 60).all()
    assert (table["ci_low"] < table["nmse_db"]).all()
    assert (table["nmse_db"] < table["ci_high"]).all()
    assert table["validation_nmse_db"].notna().tolist() == [True, True, False, False]

    entry = read_zoo(zoo)[0]
    scenario = entry.scenario()
    source = SOURCES.get_class("sionna")(scenario.channel, seed=3, device=torch.device("cpu"))
    csi = source.read_truncated("test", 0, 60, 8)
    normalisation = Normalisation("per_sample")
    csi = normalisation.apply(csi, normalisation.scale(csi))
    for name, compressor in (
        (entry.network, entry.load()),
        ("topk", TopK(TopK.Parameters(compression_ratio=4), (8, 8))),
    ):
        error = csi - compressor.decode(compressor.encode(csi))
        nmse = (error.abs().square().sum((1, 2)) / csi.abs().square().sum((1, 2))).mean()
        # float32 sums over 64 entries and 60 samples, some 1e-6 of the whole: 5e-6 dB; six digits are printed.
        assert abs(10 * float(nmse.log10()) - table.loc[name, "nmse_db"]) < 1e-4
    code, other, err = command("zoo", "eval", "csinet", *few, "--seed", "4")
    assert code == 0, err
    moved = pd.read_csv(io.StringIO(other)).set_index("compressor")
    assert list(moved.index) == ["csinet", "klt", "topk"]
    assert moved.loc["topk", "nmse_db"] != table.loc["topk", "nmse_db"]


def test_eval_names_references_beside_several_weights_of_a_network(zoo: Path, command: Command) -> None:
    for file in list(zoo.glob("csinet-*")):
        shutil.copy(file, zoo / file.name.replace("csinet-cr4-", "csinet-cr4-0"))
    code, out, err = command("zoo", "eval", "csinet", "--zoo", zoo, "--samples", "20", "--workers", "1")
    assert code == 0, err
    names = [line.split() for line in out.splitlines()]
    assert sum("klt" in words for words in names) == 1
    assert sum("topk" in words for words in names) == 1


def test_eval_compares_figures_taken_through_the_same(zoo: Path, command: Command) -> None:
    """A network trained through noise is measured over a perfect link, and through that noise beside references."""
    (file,) = zoo.glob("csinet-*.safetensors")
    entry = next(entry for entry in read_zoo(zoo) if entry.network == "csinet")
    compressor = entry.load()
    noisy = type(compressor)(
        compressor.settings.model_copy(update={"disturbance": Disturbance(snr_db=(0, 0))}), entry.info.shape
    )
    noisy.load_state(compressor.state())
    outcome = TrainingOutcome(start_nmse_db=-1.0, validation_nmse_db=-2.0, best_epoch=1, samples_seen=150)
    path = checkpoint_path(zoo, noisy, entry.spec().trained_for)
    save_checkpoint(path, noisy, entry.info.training, recipe=entry.info.recipe, outcome=outcome, seed=entry.info.seed)
    file.unlink()
    file.with_suffix(".json").unlink()
    code, out, err = command("zoo", "eval", "csinet", "--zoo", zoo, "--samples", "60", "--workers", "1", "--csv")
    assert code == 0, err
    table = pd.read_csv(io.StringIO(out)).set_index(["through", "compressor"])
    assert list(table.index) == [
        (through, name) for through in ("perfect link", "0 to 0 dB") for name in ("csinet", "klt", "topk")
    ]
    # The validation figure stands where it was taken.
    assert table["validation_nmse_db"].notna().tolist() == [False, False, False, True, False, False]
    assert table["learnt_from"].tolist() == [150, 150, 0] * 2
    # Noise of the codeword's power: of orthonormal axes each error is the noise's energy and what was not reported.
    clean, heard = (table.loc[(through, "klt"), "nmse_db"] for through in ("perfect link", "0 to 0 dB"))
    reported = 1 - 10 ** (clean / 10)
    # Of 60 channels and 32 values the noise's energy is known to sqrt(2 / (60 * 32)) = 3 %, 0.14 dB; four times that.
    assert heard == pytest.approx(10 * math.log10(10 ** (clean / 10) + reported), abs=0.6)
    code, out, _ = command("zoo", "list", "--zoo", zoo, "--csv")
    through = pd.read_csv(io.StringIO(out)).set_index("network")["measured_through"]
    assert through.to_dict() == {
        "crnet": "perfect link, scaled per sample",
        "csinet": "0 to 0 dB, scaled per sample",
    }


def test_store_writes_the_same_weights_in_fewer_bytes(zoo: Path, command: Command, tmp_path: Path) -> None:
    (file,) = zoo.glob("csinet-*.safetensors")
    entry = next(entry for entry in read_zoo(zoo) if entry.network == "csinet")
    halved = StoredWeights(packed(entry.load().state(), "float16_fc"), "float16_fc")
    before = write_checkpoint(file, entry.info, halved)
    few = ("--zoo", zoo, "--samples", "50", "--workers", "1")
    code, out, err = command("zoo", "store", "csinet", "--out", tmp_path / "stored", *few)
    assert code == 0, err
    assert out.splitlines()[0].startswith(f"{file.stem}: coded, costs 0.0")
    (entry,) = read_zoo(tmp_path / "stored")
    assert entry.file.name == file.name
    sizes = (entry.file.stat().st_size, file.stat().st_size)
    assert out.splitlines()[0].endswith(f"{sizes[1] / 1e6:.2f} MB before, {sizes[0] / 1e6:.2f} MB")
    assert sizes[0] < sizes[1]
    said = {"storage", "sha256", "cost_of_storage_db"}
    assert entry.info.model_dump(exclude=said) == before.model_dump(exclude=said)
    # No further from the weights than half a step, and biases by what makes up for it.
    step = float(load_file(entry.file)["encoder.fc.weight/scale"])
    name, old = "encoder.fc.weight", read_zoo(zoo)[-1].load().state()
    assert (entry.load().state()[name] - old[name]).abs().max() <= step / 2 * (1 + 2**-16)
    # What is in as few bits already stays as it is.
    few = ("--zoo", tmp_path / "stored", *few[2:])
    code, out, err = command("zoo", "store", "--out", tmp_path / "again", *few)
    assert code == 0, err
    assert out.splitlines()[0].startswith(f"{file.stem}: coded, costs 0.000 dB")
    assert (tmp_path / "again" / file.name).read_bytes() == entry.file.read_bytes()
    code, _, err = command("zoo", "store", "--out", tmp_path / "stored", *few)
    assert code == 2
    assert "--out: got" in err


def test_store_leaves_what_hangs_together(zoo: Path, command: Command, tmp_path: Path) -> None:
    infos = {}
    for entry in read_zoo(zoo):
        halved = StoredWeights(packed(entry.load().state(), "float16_fc"), "float16_fc")
        training = entry.info.training
        if entry.network == "csinet":
            training = training | {"teacher": {"sha256": infos["crnet"].sha256, "samples_seen": 150}}
        info = entry.info.model_copy(update={"training": training})
        infos[entry.network] = write_checkpoint(entry.file, info, halved)
    assert list(infos) == ["crnet", "csinet"]
    few = ("--zoo", zoo, "--samples", "50", "--workers", "1")
    code, _, err = command("zoo", "store", "--out", tmp_path / "stored", *few)
    assert code == 0, err
    for file in zoo.iterdir():
        assert (tmp_path / "stored" / file.name).read_bytes() == file.read_bytes()


def test_bad_input_is_one_line(zoo: Path, command: Command, tmp_path: Path) -> None:
    for arguments, message in (
        (("eval", "deq", "--zoo", zoo), "got deq, expected a network or file there: it holds crnet, csinet"),
        (("list", "--zoo", tmp_path / "none"), "none: no such folder, expected a zoo of trained weights"),
        (("verify", "--zoo", tmp_path / "none"), "none: no such folder, expected a zoo of trained weights"),
    ):
        code, _, err = command("zoo", *arguments)
        assert code == 2
        assert len(err.splitlines()) == 1
        assert message in err
