"""A device beside the CPU on any machine: tensors that lie elsewhere, and refuse what a GPU refuses.

Values lie on the CPU inside tensors that say they are on ``meta:0``. What mixes them with tensors of the CPU, hands a
generator of the other side to a draw, or reads them as an array without a copy fails, as it does with a GPU. Digits are
those of the CPU. Nothing is said of kernels, of their rounding, and of what a capture allows.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map

# As "cuda" is asked for and "cuda:0" is where tensors are.
DEVICE = torch.device("meta")
PLACE = torch.device("meta", 0)

# What CUDA takes tensors of the CPU for: copies, and indices into its own.
_MIXED = {"aten::copy_", "aten::_to_copy", "aten::index", "aten::index_put", "aten::index_put_"}
_FROM_VALUES = (torch.tensor, torch.as_tensor, torch.asarray)
_INDEXED = (Tensor.__getitem__, Tensor.__setitem__)
_PLAIN_GENERATOR = torch.Generator


def _is_there(device: Any) -> bool:
    return device is not None and torch.device(device).type == DEVICE.type


class ElsewhereTensor(Tensor):
    """A tensor on the simulated device.

    Attributes:
        inside: its values, on the CPU.
    """

    inside: Tensor

    @staticmethod
    def __new__(cls, inside: Tensor) -> "ElsewhereTensor":
        made: ElsewhereTensor = Tensor._make_wrapper_subclass(
            cls,
            inside.shape,
            strides=inside.stride(),
            storage_offset=inside.storage_offset(),
            dtype=inside.dtype,
            device=DEVICE,
        )
        made.inside = inside
        return made

    def __init__(self, inside: Tensor) -> None:
        super().__init__()

    @property
    def device(self) -> torch.device:
        """Where tensors of the device say that they are."""
        return PLACE

    # It has values.
    is_meta = False
    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, operator: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _computed(operator, args, kwargs or {})


class ElsewhereGenerator(torch.Generator):
    """A generator of the simulated device, with the draws of the CPU."""

    def __new__(cls) -> "ElsewhereGenerator":
        return super().__new__(cls, "cpu")

    @property
    def device(self) -> torch.device:
        """Where it draws."""
        return PLACE


class _GeneratorOf(torch.Generator):
    def __new__(cls, device: Any = "cpu") -> torch.Generator:  # type: ignore[misc]
        return ElsewhereGenerator() if _is_there(device) else _PLAIN_GENERATOR(device)


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _as_index(value: Any) -> Any:
    return torch.tensor(value) if isinstance(value, list) else value


def _inside(value: Any) -> Any:
    return value.inside if isinstance(value, ElsewhereTensor) else value


def _outside(value: Any) -> Any:
    if not isinstance(value, Tensor) or isinstance(value, ElsewhereTensor):
        return value
    # The outer tensor knows nothing of a conjugation that is put off.
    return ElsewhereTensor(value.resolve_conj().resolve_neg())


def _computed(operator: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """What an operator gives, where its tensors lie."""
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
    there = [tensor for tensor in tensors if isinstance(tensor, ElsewhereTensor)]
    name, target = operator._schema.name, kwargs.get("device")
    if not there and not _is_there(target):
        return operator(*args, **kwargs)
    if there and not (name in _MIXED and (isinstance(args[0], ElsewhereTensor) or name == "aten::copy_")):
        here = [tuple(t.shape) for t in tensors if not isinstance(t, ElsewhereTensor) and t.dim() > 0]
        if here:
            raise RuntimeError(f"Expected all tensors to be on the same device: {name} has some of the CPU, {here}")
    values, options = tree_map(_inside, args), tree_map(_inside, kwargs)
    if name == "aten::copy_":
        values[0].copy_(values[1])
        return args[0]
    if name == "aten::_to_copy":
        copied = operator(*values, **(options | {"device": torch.device("cpu"), "non_blocking": False}))
        copied = copied.clone() if copied is values[0] else copied
        return copied if target is not None and not _is_there(target) else ElsewhereTensor(copied)
    if _is_there(target):
        options["device"] = torch.device("cpu")
    return return_and_correct_aliasing(operator, args, kwargs, tree_map(_outside, operator(*values, **options)))


class _Operators(TorchDispatchMode):
    def __torch_dispatch__(self, operator: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _computed(operator, args, kwargs or {})


class _Functions(TorchFunctionMode):
    """What does not reach the operators: values of Python, and which generator it is."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        options = dict(kwargs or {})
        there = any(isinstance(leaf, ElsewhereTensor) for leaf in args)
        if function is Tensor.tolist and there:
            return args[0].inside.tolist()
        if function is Tensor.new_tensor and there and not options:
            return ElsewhereTensor(args[0].inside.new_tensor(args[1]))
        if function in _INDEXED and there:
            # A list of places would become a tensor without values.
            return function(args[0], tree_map(_as_index, args[1], is_leaf=_is_list), *args[2:])
        generator = options.get("generator")
        if generator is not None:
            target = _is_there(options["device"]) if options.get("device") is not None else there
            if target != isinstance(generator, ElsewhereGenerator):
                raise RuntimeError(f"{function.__name__}: a generator on {generator.device} for values elsewhere")
        if function in _FROM_VALUES and _is_there(options.get("device")) and not there:
            return ElsewhereTensor(function(*args, **(options | {"device": "cpu"})).clone())
        return function(*args, **options)


class ElsewhereFabric:
    """What training asks of Lightning Fabric, which knows no such device."""

    device = PLACE
    world_size, global_rank, is_global_zero = 1, 0, True

    def setup(self, module: nn.Module, *optimisers: Any) -> Any:
        """As they are."""
        return (module, *optimisers)

    def backward(self, loss: Tensor) -> None:
        """Gradients."""
        loss.backward()

    def clip_gradients(self, module: nn.Module, optimiser: Any, max_norm: float) -> None:
        """By their norm."""
        nn.utils.clip_grad_norm_(module.parameters(), max_norm)

    def autocast(self) -> Any:
        """Full precision."""
        return nullcontext()


@contextmanager
def simulated_device() -> Iterator[torch.device]:
    """The device ``auto`` is the simulated one, for scenarios, training and Sionna."""
    from sionna.phy import config

    with pytest.MonkeyPatch.context() as patch, _Operators(), _Functions():
        patch.setattr(torch, "Generator", _GeneratorOf)
        patch.setattr("linksim.scenario.sources.device_named", lambda name: DEVICE)
        for module in ("feedback.training.devices", "feedback.training.loop"):
            patch.setattr(f"{module}.one_device", lambda device, precision: ElsewhereFabric())
        # Its package hides the name of this module.
        optimizer = sys.modules["torch.optim.optimizer"]
        patch.setattr(optimizer, "_get_fused_kernels_supported_devices", lambda: ["cpu", DEVICE.type])
        # Sionna lists its devices by number.
        patch.setattr(type(config), "available_devices", property(lambda own: ["cpu", str(PLACE)]))
        patch.setitem(config._torch_rngs, str(PLACE), ElsewhereGenerator())
        yield DEVICE


def same_on_the_device(compute: Callable[[torch.device], Tensor], **tolerances: float) -> None:
    """A function of a device: a tensor there, with the CPU's values."""
    expected = compute(torch.device("cpu"))
    with simulated_device() as device:
        found = compute(device)
        assert isinstance(found, ElsewhereTensor)
        values = found.cpu()
    torch.testing.assert_close(values, expected, **tolerances)
