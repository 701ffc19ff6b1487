"""What learns: PyTorch modules whose tensors come from training channels or codewords, or from a file that was kept.

``state_dict`` and ``load_state_dict`` are PyTorch's and trust what they get; ``state`` and ``load_state`` are for
tensors that come from outside, and check all of them.
"""

from abc import ABC
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from feedback.errors import FeedbackInputError
from feedback.state import checked_state

# Sizes of a tensor along its axes; a name stands for a size that only training data or kept tensors say.
Shape = tuple[int | str, ...]


class NotLearntError(FeedbackInputError, AttributeError):
    """A tensor is asked for that exists once it has been learnt."""


class Learner(nn.Module, ABC):
    """A module that a section of a scenario sets up, and that learns.

    All that is learnt is a parameter, a buffer, or one of a submodule; ``to`` and ``state_dict`` are PyTorch's.

    Args:
        settings: the module's section of a scenario. (``parameters()`` is PyTorch's.)

    Attributes:
        inner: a submodule, if any, that is made as large as what is learnt, and whose tensors are called in kept files
            as if they were this module's own.
    """

    inner: ClassVar[str] = ""

    def __init_subclass__(cls, **options: Any) -> None:
        """Refuses a class that names an inner module and cannot make it.

        Raises:
            TypeError: that says so.
        """
        super().__init_subclass__(**options)
        if cls.inner and cls.build_inner is Learner.build_inner:
            raise TypeError(f"{cls.__name__}: got inner = {cls.inner!r} without build_inner, expected both or neither")

    def __init__(self, settings: Any) -> None:
        super().__init__()
        self.settings = settings
        self._declared: dict[str, Shape] = {}
        if self.inner:
            self.register_module(self.inner, None)

    @property
    def stage(self) -> str:
        """What it is called in messages."""
        return str(self.settings.name)

    def declare(self, **shapes: Shape) -> None:
        """Declares float32 buffers that ``fit`` sets, ``self.mean = ...``, and that do not exist before.

        Args:
            shapes: by the buffer's name. Sizes that only what is learnt decides have names, equal ones where sizes
                are: ``declare(mean=("length",), covariance=("length", "length"))``.
        """
        for name in shapes:
            self.register_buffer(name, None)
        self._declared |= shapes

    def build_inner(self, state: Mapping[str, Tensor]) -> nn.Module:
        """The inner module as large as kept tensors need it; their names and shapes are checked later.

        A class without an inner module is not asked.
        """
        return nn.Module()

    def check_learnt(self, state: Mapping[str, Tensor]) -> None:
        """Refuses tensors of the right names and shapes whose values are of no use; takes all by default.

        Raises:
            FeedbackInputError: that says which, and what was expected.
        """

    def __getattr__(self, name: str) -> Any:
        """Parameters, buffers and submodules; what has to be learnt first exists then."""
        attribute = getattr(type(self), name, None)
        if isinstance(attribute, property) and attribute.fget is not None:
            # It failed for want of another attribute, which PyTorch would report as its own absence.
            return attribute.fget(self)
        found = super().__getattr__(name)
        if found is None and (name in self._declared or name == self.inner):
            raise NotLearntError(f"{self.stage}: got no {name}, expected fit() on training data before use")
        return found

    def state(self) -> dict[str, Tensor]:
        """Everything that was learnt, by name: parameters and buffers of real numbers, without gradients.

        Counters, as batch norm's of its steps, are left out; a tensor of several names is given by its first.

        Raises:
            FeedbackInputError: if something has not been learnt.
        """
        for name in filter(None, (*self._declared, self.inner)):
            getattr(self, name)
        return {self._kept_name(name): tensor.detach() for name, tensor in _learnt(self).items()}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Takes over what ``state`` gave, as float32 and on the devices of the tensors that it replaces.

        Nothing changes unless all of it is usable.

        Raises:
            FeedbackInputError: if names, shapes, dtypes or values are not those of this module; one line says which.
        """
        inner = self.build_inner(state) if self.inner else None
        fixed = {name: tensor for name, tensor in _learnt(self).items() if name not in self._declared}
        if inner is not None:
            fixed = {name: tensor for name, tensor in fixed.items() if not name.startswith(f"{self.inner}.")}
            fixed |= {f"{self.inner}.{name}": tensor for name, tensor in _learnt(inner).items()}
        names = {self._kept_name(name): name for name in fixed}
        expected = {kept: fixed[name] for kept, name in names.items()}
        checked = checked_state(state, expected | self._sized_buffers(state))
        self.check_learnt(checked)
        if inner is not None:
            setattr(self, self.inner, inner)
        self.load_state_dict({name: checked[kept] for kept, name in names.items()}, strict=False)
        for name in self._declared:
            before = self._buffers[name]
            loaded = checked[name].contiguous()
            setattr(self, name, loaded if before is None else loaded.to(before.device))

    def _kept_name(self, name: str) -> str:
        """What a tensor is called in kept files."""
        return name.removeprefix(f"{self.inner}.") if self.inner else name

    def _sized_buffers(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Declared buffers in the sizes of a state's, without memory; the first buffer that has a size decides it."""
        sizes: dict[str, int] = {}
        for name, shape in self._declared.items():
            if name in state and state[name].dim() == len(shape):
                for size, found in zip(shape, state[name].shape, strict=True):
                    if isinstance(size, str):
                        sizes.setdefault(size, found)
        return {
            name: torch.empty([sizes.get(size, 1) if isinstance(size, str) else size for size in shape], device="meta")
            for name, shape in self._declared.items()
        }


def _learnt(module: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers of real numbers, each once."""
    found: dict[str, Tensor] = {}
    known: set[int] = set()
    for name, tensor in module.state_dict(keep_vars=True).items():
        if tensor.dtype.is_floating_point and id(tensor) not in known:
            known.add(id(tensor))
            found[name] = tensor
    return found
