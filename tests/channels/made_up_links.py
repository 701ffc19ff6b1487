"""Made-up QuaDRiGa links, and files of them in all layouts that are read."""

import h5py
import numpy as np
import scipy.io
import torch

from channels.channel_batch import Snapshots
from channels.sources.parameters.quadriga import QuadrigaParameters
from channels.sources.quadriga.source import QuadrigaSource

N_RX, N_TX, N_SNAPSHOTS, N_SUBCARRIERS = 2, 4, 3, 16
CARRIER_HZ = 5.3e9
Links = list[dict[str, np.ndarray]]


def made_up_links(individual_delays: bool = False, n_links: int = 3, dtype: str = "f8") -> Links:
    """Links with 5, 6, ... paths; the carrier in single precision, as QuaDRiGa stores it."""
    random = np.random.default_rng(1)
    links = []
    for n_paths in range(5, 5 + n_links):
        shape = (N_RX, N_TX, n_paths, N_SNAPSHOTS)
        coeff = random.standard_normal(shape) + 1j * random.standard_normal(shape)
        delay = random.uniform(0, 1e-6, shape if individual_delays else shape[2:])
        frequency = np.array([[CARRIER_HZ]], np.float32)
        links.append(
            {
                "coeff": coeff.astype(f"c{2 * int(dtype[1])}"),
                "delay": delay.astype(dtype),
                "center_frequency": frequency,
            }
        )
    return links


def direct_response(link: dict[str, np.ndarray]) -> np.ndarray:
    """The defining sum in double precision, ``[snapshot, subcarrier, port]``."""
    coeff, delay = link["coeff"].astype(complex), link["delay"].astype(float)
    frequencies = (np.arange(N_SUBCARRIERS) - N_SUBCARRIERS // 2) * 20e6 / N_SUBCARRIERS
    waves = np.exp(-2j * np.pi * frequencies * np.broadcast_to(delay, coeff.shape)[..., None])
    return np.einsum("rmpt,rmptk->tkrm", coeff, waves).reshape(coeff.shape[3], N_SUBCARRIERS, -1)


def struct_array(links: Links) -> np.ndarray:
    array = np.empty((1, len(links)), dtype=[(name, object) for name in ("name", *links[0])])
    for index, link in enumerate(links):
        array[0, index] = ("UMa_Tx1_Rx1", *link.values())
    return array


def cell_array(links: Links) -> np.ndarray:
    array = np.empty((1, len(links)), dtype=object)
    array[0, :] = links
    return array


def saved_variables(links: Links) -> dict[str, np.ndarray]:
    names = {"coeff": "Coeffs", "delay": "Delays", "center_frequency": "CenterFrequency"}
    variables = {"ChannelDims": np.array([[len(links), 1, 1, 1]], np.int64), "Order": np.arange(1, 9, dtype=np.uint16)}
    for index, link in enumerate(links, 1):
        variables |= {f"channel_{index:05}_{names[field]}": values for field, values in link.items()}
        variables[f"channel_{index:05}_PARnames"] = np.array([["ds_cb"]], dtype=object)
    return variables


def write_struct_array_5(path, links):
    scipy.io.savemat(path, {"x": 1.0, "c": struct_array(links)})


def write_struct_array_7(path, links):
    scipy.io.savemat(path, {"c": struct_array(links), "text": "abc"}, do_compression=True)


def write_cell_array_5(path, links):
    scipy.io.savemat(path, {"c": cell_array(links)}, do_compression=True)


def write_saved_6(path, links):
    scipy.io.savemat(path, saved_variables(links))


def as_matlab(values: np.ndarray) -> np.ndarray:
    """Axes reversed, complex numbers as a compound of real and imag."""
    if not np.iscomplexobj(values):
        return values.T
    pairs = np.empty(values.T.shape, dtype=[("real", values.real.dtype), ("imag", values.real.dtype)])
    pairs["real"], pairs["imag"] = values.T.real, values.T.imag
    return pairs


def put(parent: h5py.Group, name: str, values: np.ndarray) -> h5py.Dataset:
    """A dataset as MATLAB's save writes it."""
    dataset = parent.create_dataset(name, data=as_matlab(values))
    dataset.attrs["MATLAB_class"] = np.bytes_("single" if values.dtype in ("f4", "c8") else "double")
    return dataset


def add_group(parent: h5py.Group, name: str, link: dict[str, np.ndarray]) -> h5py.Group:
    group = parent.create_group(name)
    group.attrs["MATLAB_class"] = np.bytes_("struct")
    for field, values in link.items():
        put(group, field, values)
    return group


def write_struct_73(path, links):
    with h5py.File(path, "w", userblock_size=512) as file:
        add_group(file, "c", links[0])


def write_struct_array_73(path, links):
    with h5py.File(path, "w", userblock_size=512) as file:
        group = file.create_group("c")
        for field in links[0]:
            references = np.empty((len(links), 1), dtype=h5py.ref_dtype)
            for index, link in enumerate(links):
                references[index, 0] = put(file, f"#refs#/{field}{index}", link[field]).ref
            group.create_dataset(field, data=references, dtype=h5py.ref_dtype)


def write_cell_array_73(path, links):
    with h5py.File(path, "w", userblock_size=512) as file:
        refs = file.create_group("#refs#")
        references = np.empty((len(links), 1), dtype=h5py.ref_dtype)
        for index, link in enumerate(links):
            references[index, 0] = add_group(refs, f"s{index}", link).ref
        file.create_dataset("c", data=references, dtype=h5py.ref_dtype)


def write_saved_73(path, links):
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, values in saved_variables(links).items():
            if values.dtype != object:
                put(file, name, values)


def write_hdf5(path, links):
    """As QuaDRiGa-Lib does: real and imaginary parts in single precision, one group a snapshot, an index of places."""
    with h5py.File(path, "w") as file:
        file["ChannelDims"], file["Version"] = np.array([8, 1, 1, 1], np.uint32), np.uint32(2)
        # Links were written in another order than they lie in the array.
        numbers = list(range(len(links), 0, -1))
        file["Order"] = np.array([*numbers, *[0] * (8 - len(links))], np.uint32)
        for number, link in zip(numbers, links, strict=True):
            group = file.create_group(f"channel_{number}")
            group.attrs["CenterFrequency"] = np.float32(link["center_frequency"].item())
            delays = link["delay"] if link["delay"].ndim == 4 else link["delay"][None, None]
            for snapshot in range(link["coeff"].shape[3]):
                part = group.create_group(f"Snap_{snapshot}")
                part["coeff_re"] = link["coeff"][..., snapshot].real.T.astype("f4")
                part["coeff_im"] = link["coeff"][..., snapshot].imag.T.astype("f4")
                part["delay"] = delays[..., snapshot].T.astype("f4")


WRITERS = {
    "struct array, version 5": write_struct_array_5,
    "struct array, version 7": write_struct_array_7,
    "struct array, version 7.3": write_struct_array_73,
    "cell array, version 7": write_cell_array_5,
    "cell array, version 7.3": write_cell_array_73,
    "mat_save, version 6": write_saved_6,
    "mat_save, version 7.3": write_saved_73,
    "hdf5_write": write_hdf5,
}


def source(file, **parameters: object) -> QuadrigaSource:
    wanted = {"n_subcarriers": N_SUBCARRIERS, "dt_s": 1e-3, "delay_alignment": "none", "normalise": False} | parameters
    return QuadrigaSource(QuadrigaParameters(file=file, **wanted), seed=0, device=torch.device("cpu"))


ALL = Snapshots.every(1e-3, N_SNAPSHOTS)
# Gains and the phasors of at most 20 turns are rounded to float32 a few times each, delays of up to 1 us to float32 by
# hdf5_write: 6e-8 of 10 turns is 4e-6 rad. Sums of 7 random terms.
TOLERANCE = 2e-5
