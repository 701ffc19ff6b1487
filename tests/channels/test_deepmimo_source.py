"""Made-up DeepMIMO scenarios in the files of the package, against the defining sum and the package itself."""

import json

import numpy as np
import pytest
import scipy.io
import torch
from pydantic import ValidationError

from channels.channel_batch import Snapshots
from channels.errors import ChannelInputError
from channels.sources.deepmimo.source import DeepMimoSource
from channels.sources.parameters.deepmimo import DeepMimoParameters
from channels.transforms.angular_delay import AngularDelayTransform

N_USERS, N_PATHS, N_SUBCARRIERS, BANDWIDTH_HZ = 130, 4, 32, 20e6
SILENT = (3, 77)
NAME = "t001_tx000_r002"


def made_up_rays(seed: int = 1) -> dict[str, np.ndarray]:
    """Float32 as the package's converters store them; users have 1 to 4 paths, two have none."""
    random = np.random.default_rng(seed)
    shape = (N_USERS, N_PATHS)
    rays = {
        "power": random.uniform(-140, -100, shape),
        "phase": random.uniform(-180, 180, shape),
        "delay": random.uniform(0.1e-6, 1e-6, shape),
        "aod_az": random.uniform(-180, 180, shape),
        "aod_el": random.uniform(20, 160, shape),
        "aoa_az": random.uniform(-180, 180, shape),
        "aoa_el": random.uniform(20, 160, shape),
    }
    missing = np.arange(N_PATHS) > random.integers(0, N_PATHS, (N_USERS, 1))
    missing[list(SILENT)] = True
    return {key: np.where(missing, np.nan, values).astype(np.float32) for key, values in rays.items()}


def parameters_json() -> dict[str, object]:
    """The keys of ``params.json`` that the package needs to load a scenario, and a second transmitter."""
    sets = {
        "txrx_set_1": {"id": 1, "is_tx": True, "is_rx": True, "num_points": 1},
        "txrx_set_2": {"id": 2, "is_tx": False, "is_rx": True, "num_points": N_USERS},
        "txrx_set_3": {"id": 3, "is_tx": True, "is_rx": False, "num_points": 1},
    }
    return {
        "rt_params": {"frequency": 3.5e9, "raytracer_name": "made up"},
        "txrx_sets": sets,
        "scene": {"num_scenes": 1},
        "materials": {},
    }


def write(folder, rays=None, suffix="npz", parameters=None):
    folder.mkdir(exist_ok=True)
    (folder / "params.json").write_text(json.dumps(parameters or parameters_json()))
    for key, values in (rays or made_up_rays()).items():
        path = folder / f"{key}_{NAME}.{suffix}"
        if suffix == "npz":
            np.savez_compressed(path, **{key: values})
        elif suffix == "mat":
            scipy.io.savemat(path, {key: values})
        else:
            np.save(path, values)
    return folder


def source(folder, seed: int = 0, **parameters: object) -> DeepMimoSource:
    small = {"n_subcarriers": N_SUBCARRIERS, "n_columns": 4, "delay_alignment": "none", "normalise": False}
    return DeepMimoSource(
        DeepMimoParameters(folder=folder, **(small | parameters)), seed=seed, device=torch.device("cpu")
    )


def direct_response(rays: dict[str, np.ndarray], user: int, n_rx: int, n_rows: int, n_columns: int, turned_deg: float):
    """The defining sum in double precision over positions in wavelengths, ``[subcarrier, port]``."""
    frequencies = (np.arange(N_SUBCARRIERS) - N_SUBCARRIERS // 2) * BANDWIDTH_HZ / N_SUBCARRIERS
    response = np.zeros((N_SUBCARRIERS, n_rx, n_rows, n_columns), complex)
    for path in np.flatnonzero(~np.isnan(rays["power"][user])):
        ray = {key: float(values[user, path]) for key, values in rays.items()}
        angles = {key: np.deg2rad(ray[key]) for key in ("aod_az", "aod_el", "aoa_az", "aoa_el", "phase")}
        across = np.sin(angles["aod_el"]) * np.sin(angles["aod_az"] - np.deg2rad(turned_deg))
        up, at_ue = np.cos(angles["aod_el"]), np.sin(angles["aoa_el"]) * np.sin(angles["aoa_az"])
        turns = np.add.outer(
            0.5 * at_ue * np.arange(n_rx),
            np.add.outer(0.5 * up * np.arange(n_rows), 0.5 * across * np.arange(n_columns)),
        )
        wave = np.exp(-2j * np.pi * frequencies * ray["delay"])
        amplitude = 10 ** (ray["power"] / 20) * np.exp(1j * angles["phase"])
        response += amplitude * np.multiply.outer(wave, np.exp(2j * np.pi * turns))
    return response.reshape(N_SUBCARRIERS, -1)


def in_file_order(channels: DeepMimoSource) -> np.ndarray:
    """Responses of the users that have a path, in the order of the file."""
    count = channels.n_samples("test")
    response = channels.read("test", 0, count, Snapshots()).response[:, 0].numpy()
    return response[np.argsort(channels._users)]


ACTIVE = [user for user in range(N_USERS) if user not in SILENT]


@pytest.mark.parametrize("suffix", ["npz", "mat", "npy"])
@pytest.mark.parametrize(("n_rx", "n_rows", "n_columns", "turned_deg"), [(1, 1, 8, 0.0), (2, 2, 3, 40.0)])
def test_responses_are_the_defining_sum(tmp_path, suffix, n_rx, n_rows, n_columns, turned_deg):
    write(tmp_path / "scenario", suffix=suffix)
    shape = {"n_rx": n_rx, "n_rows": n_rows, "n_columns": n_columns}
    channels = source(tmp_path / "scenario", bs_azimuth_deg=turned_deg, **shape)
    assert channels.grid.carrier_hz == 3.5e9
    assert channels.n_samples("test") == len(ACTIVE)
    found = in_file_order(channels)
    rays = made_up_rays()
    expected = np.stack([direct_response(rays, user, **shape, turned_deg=turned_deg) for user in ACTIVE])
    # Gains and delay phasors of up to 10 turns in float32: a few roundings of 6e-8 against the strongest user.
    assert np.abs(found - expected).max() < 1e-6 * np.abs(expected).max()


def test_equals_the_package(tmp_path, monkeypatch):
    """Its subcarriers count from the carrier upwards, so they are the upper half of ours."""
    deepmimo = pytest.importorskip("deepmimo", reason="deepmimo is not installed: pip install deepmimo")
    from deepmimo.generator.channel import ChannelParameters

    folder = tmp_path / "deepmimo_scenarios" / "scenario"
    folder.parent.mkdir()
    rays = made_up_rays()
    nothing = {key: np.zeros((N_USERS, N_PATHS), np.float32) for key in ("inter", "inter_pos")}
    write(folder, rays | nothing | {"rx_pos": np.zeros((N_USERS, 3)), "tx_pos": np.zeros((1, 3))})
    monkeypatch.chdir(tmp_path)
    package = deepmimo.load("scenario", tx_sets=[1])
    wanted = ChannelParameters(
        bs_antenna={"shape": np.array([4, 2]), "rotation": np.array([0, 0, 40])},
        ue_antenna={"shape": np.array([2, 1])},
        ofdm={
            "subcarriers": N_SUBCARRIERS,
            "bandwidth": BANDWIDTH_HZ,
            "selected_subcarriers": np.arange(N_SUBCARRIERS // 2),
        },
    )
    expected = package.compute_channels(wanted)[ACTIVE] * np.sqrt(N_SUBCARRIERS)
    channels = source(folder, n_rows=2, n_rx=2, bs_azimuth_deg=40.0)
    found = in_file_order(channels)[:, N_SUBCARRIERS // 2 :].transpose(0, 2, 1)
    # The package works in float32, cumulative products of up to 64 phasors included.
    assert np.abs(found - expected.reshape(found.shape)).max() < 1e-5 * np.abs(expected).max()


def test_splits_are_disjoint_and_cover_the_active_users(tmp_path):
    write(tmp_path / "scenario")
    fractions = {"train_fraction": 0.6, "validation_fraction": 0.2}
    channels = source(tmp_path / "scenario", **fractions)
    counts = {split: channels.n_samples(split) for split in ("train", "validation", "test")}
    assert counts == {"train": 76, "validation": 25, "test": 27}
    responses = torch.cat([channels.read(split, 0, count, Snapshots()).response for split, count in counts.items()])
    assert len({tuple(row) for row in responses[:, 0, 0].numpy().tolist()}) == len(ACTIVE)
    again = source(tmp_path / "scenario", **fractions).read("train", 5, 9, Snapshots()).response
    assert torch.equal(again, responses[5:9])
    assert not torch.equal(
        source(tmp_path / "scenario", 1, **fractions).read("train", 5, 9, Snapshots()).response, again
    )


def test_normalised_and_aligned(tmp_path):
    rays = made_up_rays()
    # 260 dB less: amplitudes whose squares are too small for float32.
    rays["power"][::2] -= 260
    write(tmp_path / "scenario", rays)
    channels = source(tmp_path / "scenario", delay_alignment="first_path", normalise=True)
    paths = channels.read_paths("test", 0, len(ACTIVE), Snapshots())
    assert (paths.delays_s[(paths.coefficients[:, 0, 0].abs() == 0)] == 0).all()
    power = channels.read("test", 0, len(ACTIVE), Snapshots()).response.abs().double().square().mean(dim=(1, 2, 3))
    torch.testing.assert_close(power, torch.ones_like(power), rtol=1e-4, atol=0)
    strongest = np.nanmax(rays["power"][ACTIVE], axis=1)[channels._users]
    # Up to four paths, each at most the strongest: +12 dB in the mean power; fading over the band may cost more.
    assert (paths.gain_db.numpy() - strongest < 12.1).all()


def test_truncated_matrices_up_to_the_last_user(tmp_path):
    """128 users are two whole blocks and a part of one."""
    write(tmp_path / "scenario")
    channels = source(tmp_path / "scenario", delay_alignment="first_path", normalise=True)
    whole = channels.read_truncated("test", 0, len(ACTIVE), 8)
    response = channels.read("test", 0, len(ACTIVE), Snapshots()).response[:, 0]
    expected = AngularDelayTransform(channels.grid, channels.array, 8).truncate(response)
    assert (whole - expected).norm() < 1e-5 * expected.norm()
    assert torch.equal(channels.read_truncated("test", 40, 110, 8), whole[40:110])
    with pytest.raises(ChannelInputError, match="got test samples 100 to 128, expected a range within the 128"):
        channels.read_truncated("test", 0, len(ACTIVE) + 1, 8)


def test_max_paths_keeps_the_first(tmp_path):
    rays = made_up_rays()
    write(tmp_path / "all", rays)
    write(tmp_path / "two", {key: values[:, :2] for key, values in rays.items()})
    limited, two = source(tmp_path / "all", max_paths=2), source(tmp_path / "two")
    assert torch.equal(limited.read("test", 0, 9, Snapshots()).response, two.read("test", 0, 9, Snapshots()).response)


def refused(match: str, folder, **parameters: object) -> None:
    with pytest.raises(ChannelInputError, match=match) as caught:
        source(folder, **parameters).read("test", 0, 1, Snapshots())
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)


def test_wrong_folders_are_refused(tmp_path):
    refused("params.json: no such file, expected the folder of a DeepMIMO v4 scenario", tmp_path / "none")
    folder = write(tmp_path / "scenario")
    refused("tx_set: got 2, expected one of the sets it has: 1, 3", folder, tx_set=2)
    refused("rx_set: got 3, expected one of the sets it has: 2, 1", folder, rx_set=3)
    refused("power_t003_tx000_r002: no such file", folder, tx_set=3)
    (folder / f"phase_{NAME}.npz").unlink()
    refused(f"phase_{NAME}: no such file, expected it as .npz, .mat or .npy", folder)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"rt_params": {"frequency": -1}}, "params.json: rt_params.frequency: "),
        ({"rt_params": {"frequency": "NaN"}}, "params.json: rt_params.frequency: "),
        ({"txrx_sets": {}}, "tx_set: got None, expected one of the sets it has: none at all"),
        ({"txrx_sets": 3}, "params.json: txrx_sets: "),
    ],
)
def test_wrong_parameter_files_are_refused(tmp_path, change, match):
    refused(match, write(tmp_path / "scenario", parameters=parameters_json() | change))


def changed(key: str, values: np.ndarray) -> dict[str, np.ndarray]:
    return made_up_rays() | {key: values}


@pytest.mark.parametrize(
    ("rays", "match"),
    [
        (changed("delay", np.full((N_USERS, N_PATHS), np.nan, np.float32)), "delay.*got NaN or infinity for a path"),
        (changed("power", np.full((N_USERS, N_PATHS), np.inf, np.float32)), "power.*got NaN or infinity for a path"),
        (changed("power", np.full((N_USERS, N_PATHS), np.nan, np.float32)), "got no user with a path among 130"),
        (changed("phase", np.zeros((N_USERS, 2), np.float32)), r"phase.*got shape \(130, 2\), expected \(130, 4\)"),
        (changed("phase", np.zeros(N_USERS, np.float32)), "phase: got float32 of shape"),
        (changed("phase", np.full((N_USERS, N_PATHS), "x")), "phase: got values of type <U1, expected numbers"),
        (changed("phase", np.full((N_USERS, N_PATHS), None, dtype=object)), "phase: got values of type object"),
    ],
)
def test_wrong_quantities_are_refused(tmp_path, rays, match):
    refused(match, write(tmp_path / "scenario", rays))


@pytest.mark.parametrize("suffix", ["npz", "mat", "npy"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_truncated_files_are_refused(tmp_path, suffix, share):
    folder = write(tmp_path / "scenario", suffix=suffix)
    path = folder / f"aod_az_{NAME}.{suffix}"
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    refused("aod_az", folder)
    (folder / "params.json").write_text("{")
    refused("params.json: cannot be read as JSON", folder)


def test_a_path_of_no_power_is_no_path(tmp_path):
    """A ray tracer may write minus infinity dBW, with anything beside it, where the package writes NaN."""
    rays = made_up_rays()
    missing = np.isnan(rays["power"])
    silent = {key: np.where(missing, np.float32(7), values) for key, values in rays.items()}
    silent["power"] = np.where(missing, -np.float32(np.inf), rays["power"])
    expected, found = (
        in_file_order(source(write(tmp_path / name, values))) for name, values in (("nan", rays), ("silent", silent))
    )
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(found, expected)


def test_motion_is_refused(tmp_path):
    with pytest.raises(ChannelInputError, match="got 2 snapshots, expected 1: the users do not move"):
        source(write(tmp_path / "scenario")).read("test", 0, 1, Snapshots.every(1e-3, 2))


def test_wrong_fractions_are_refused():
    with pytest.raises(ValidationError, match=r"got 1.2, expected at most 1"):
        DeepMimoParameters(folder="x", train_fraction=0.7, validation_fraction=0.5)


def test_a_dynamic_scenario_asks_for_one_of_its_scenes(tmp_path):
    folder = tmp_path / "dynamic"
    folder.mkdir()
    for scene in (0, 1):
        write(folder / f"scene_{scene}", made_up_rays(scene))
        (folder / f"scene_{scene}" / "params.json").rename(folder / "params.json")
    refused(r"got a dynamic scenario of 2 scenes, .* such as .*dynamic/scene_0", folder)
    alone = write(tmp_path / "alone", made_up_rays(1))
    of_scene = source(folder / "scene_1").read("test", 0, 9, Snapshots()).response
    assert torch.equal(of_scene, source(alone).read("test", 0, 9, Snapshots()).response)
