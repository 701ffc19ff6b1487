r"""Faster networks on a CPU: their small convolutions run on kernels of our own.

oneDNN's convolutions are made for many channels; the networks have 2 to 80. A convolution with its batch norm and
activation becomes one step here, with :math:`z = w * x` and

.. math:: u = \gamma (z - \bar z) / \sqrt{\mathrm{var}\, z + \epsilon} + \beta, \qquad y = \max(u, 0) + s \min(u, 0)

of which only x and z are kept for the gradient. Results agree with PyTorch's but for rounding, and do not depend on
the number of threads.
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from feedback.cpu_kernels.build import Norm, Shape, address, compiled, kernels
from feedback.layers.basic import ConvBn

_ACTIVATIONS = (nn.Identity, nn.LeakyReLU, nn.PReLU)

# Attribute of a network that holds what `accelerated` has found in it.
_KEPT = "_layers_on_kernels"

# Layers that a kernel may stand in for.
_KINDS = (ConvBn, nn.Conv2d)

# Rows are summed in registers of this many pixels.
_LANES = 8

# Layers of more weights are oneDNN's: 3 x 3 from 64 to 64 channels takes it a tenth less time, from 64 to 128 half.
_MOST_WEIGHTS = 2**15

# Options of glibc's mallopt, and what it settles at by itself once large blocks have been freed.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4
_SETTLED = {_MMAP_MAX: 65536, _MMAP_THRESHOLD: 32 << 20, _TRIM_THRESHOLD: 64 << 20}
_memory_is_kept = False


@contextmanager
def accelerated(*networks: nn.Module) -> Iterator[None]:
    """Runs the convolutions of networks on the compiled kernels within the context; weights and names stay as they are.

    Layers that the kernels do not fit (strided, even kernels, images of a width that 8 does not divide, more than
    32 768 weights, other devices or dtypes) go on as before. So does everything, with a warning, where the kernels
    cannot be compiled.

    Args:
        networks: in training or evaluation mode, which may change within the context.
    """
    # Contexts nest: the outer one's layers are left to it.
    forwards = [
        (layer, forward)
        for network in networks
        for layer, forward in _forwards_of(network)
        if "forward" not in layer.__dict__
    ]
    if forwards and compiled() is None:
        forwards = []
    for layer, forward in forwards:
        layer.__dict__["forward"] = forward
    try:
        yield
    finally:
        for layer, _ in forwards:
            layer.__dict__.pop("forward", None)


@contextmanager
def memory_kept() -> Iterator[None]:
    """Freed memory stays with the process: a step would else get its activations as new pages, zeroed, every time.

    Contexts nest: the outermost gives it back.
    """
    global _memory_is_kept
    allocator = ctypes.CDLL(None)
    if _memory_is_kept or not hasattr(allocator, "mallopt"):
        yield
        return
    _memory_is_kept = True
    allocator.mallopt(_MMAP_MAX, 0)
    allocator.mallopt(_TRIM_THRESHOLD, 2**31 - 1)
    try:
        yield
    finally:
        _memory_is_kept = False
        for option, value in _SETTLED.items():
            allocator.mallopt(option, value)
        allocator.malloc_trim(0)


def _forwards_of(network: nn.Module) -> list[tuple[nn.Module, MethodType]]:
    """Layers of a network that a kernel may stand in for, each with what stands in.

    The network keeps them, as looking for them takes as long as some of the layers on one report. They are bound
    methods, so that a copy of the network runs on its own weights.
    """
    found: list[tuple[nn.Module, MethodType]] | None = network.__dict__.get(_KEPT)
    if found is None:
        layers = [layer for layer in network.modules() if isinstance(layer, _KINDS)]
        forwards = [(layer, _forward_of(layer)) for layer in layers]
        found = [(layer, MethodType(forward, layer)) for layer, forward in forwards if forward is not None]
        network.__dict__[_KEPT] = found
    return found


def _forward_of(layer: nn.Module) -> Any:
    if isinstance(layer, ConvBn) and _fits(layer.conv) and isinstance(layer.activation, _ACTIVATIONS):
        return _conv_bn if layer.norm.momentum is not None and layer.norm.track_running_stats else None
    return _conv if isinstance(layer, nn.Conv2d) and _fits(layer) else None


def _fits(conv: nn.Conv2d) -> bool:
    odd = all(size % 2 for size in conv.kernel_size)
    same = conv.padding == "same" and conv.padding_mode == "zeros" and conv.stride == (1, 1)
    return odd and same and conv.weight.numel() <= _MOST_WEIGHTS


def _on_cpu(tensor: Tensor) -> bool:
    return tensor.is_cpu and tensor.dtype == torch.float32


def _call_fits(conv: nn.Conv2d, image: Tensor) -> bool:
    return image.dim() == 4 and image.shape[3] % _LANES == 0 and _on_cpu(image) and _on_cpu(conv.weight)


def _conv(layer: nn.Conv2d, image: Tensor) -> Tensor:
    if not _call_fits(layer, image):
        return nn.Conv2d.forward(layer, image)
    shape = _shape(layer, image)
    image, weight = image.contiguous(), layer.weight.contiguous()
    # Where nothing is differentiated, the bookkeeping of a single report would take as long as its convolution.
    differentiated = torch.is_grad_enabled()
    out: Tensor = _Convolution.apply(image, weight, shape) if differentiated else _convolved(image, weight, shape)  # type: ignore[no-untyped-call]
    return out if layer.bias is None else out + layer.bias[:, None, None]


def _conv_bn(layer: ConvBn, image: Tensor) -> Tensor:
    if not (layer.norm.training and _call_fits(layer.conv, image)):
        return type(layer).forward(layer, image)
    conv, norm = layer.conv, layer.norm
    out, mean, variance = _ConvolutionNormActivation.apply(  # type: ignore[no-untyped-call]
        image.contiguous(),
        conv.weight.contiguous(),
        conv.bias,
        norm.weight,
        norm.bias,
        _slope(layer.activation),
        _shape(conv, image),
        norm.eps,
    )
    with torch.no_grad():
        momentum = norm.momentum or 0.0
        norm.get_buffer("running_mean").lerp_(mean if conv.bias is None else mean + conv.bias, momentum)
        norm.get_buffer("running_var").lerp_(variance, momentum)
        norm.get_buffer("num_batches_tracked").add_(1)
    return out


def _slope(activation: nn.Module) -> Tensor:
    if isinstance(activation, nn.PReLU):
        return activation.weight
    return torch.full((1,), activation.negative_slope if isinstance(activation, nn.LeakyReLU) else 1.0)


def _shape(conv: nn.Conv2d, image: Tensor) -> Shape:
    sizes = (len(image), conv.in_channels, conv.out_channels, conv.groups, *image.shape[2:])
    return Shape(*sizes, *conv.kernel_size, *conv.dilation)


def _convolved(image: Tensor, weight: Tensor, shape: Shape) -> Tensor:
    out = image.new_empty(shape.samples, shape.n_out, shape.height, shape.width)
    pointers = (address(image), address(weight), address(out))
    kernels().convolution(ctypes.byref(shape), *pointers, None, None, torch.get_num_threads())
    return out


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, image: Tensor, weight: Tensor, shape: Shape) -> Tensor:
        out = _convolved(image, weight, shape)
        ctx.save_for_backward(image, weight)
        ctx.shape = shape
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, None]:
        image, weight = ctx.saved_tensors
        gradient = gradient.contiguous()
        return *_gradients(ctx, image, weight, gradient, gradient, Norm()), None


class _ConvolutionNormActivation(torch.autograd.Function):
    """Also returns mean, less the bias, and unbiased variance of the convolution's output, per channel."""

    @staticmethod
    def forward(
        ctx: Any,
        image: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        gamma: Tensor,
        beta: Tensor,
        slope: Tensor,
        shape: Shape,
        eps: float,
    ) -> tuple[Tensor, Tensor, Tensor]:
        area, count = shape.height * shape.width, shape.samples * shape.height * shape.width
        z = image.new_empty(shape.samples, shape.n_out, shape.height, shape.width)
        means, deviations = image.new_empty(2, shape.samples, shape.n_out)
        pointers = [address(tensor) for tensor in (image, weight, z, means, deviations)]
        kernels().convolution(ctypes.byref(shape), *pointers, torch.get_num_threads())

        # Of deviations from each plane's own mean: images around 0.5 have a mean far beyond their deviation.
        mean = means.double().mean(0)
        variance = (deviations.double().sum(0) + area * (means - mean).square().sum(0)) / count
        inverse_deviation = (variance + eps).rsqrt()
        norm = [mean.float(), (gamma * inverse_deviation).float(), beta, slope.expand(shape.n_out).contiguous()]
        out = torch.empty_like(z)
        pointers = [address(tensor) for tensor in (z, *norm, out)]
        kernels().normalise(shape.samples, shape.n_out, area, *pointers, torch.get_num_threads())

        ctx.save_for_backward(image, weight, z, *norm, inverse_deviation)
        ctx.shape, ctx.slopes = shape, len(slope)
        unbiased = (variance * (count / (count - 1))).float()
        ctx.mark_non_differentiable(norm[0], unbiased)
        return out, norm[0], unbiased

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        image, weight, z, *norm, inverse_deviation = ctx.saved_tensors
        shape, gradient = ctx.shape, gradient.contiguous()
        area, count = shape.height * shape.width, shape.samples * shape.height * shape.width
        planes = image.new_empty(shape.samples, shape.n_out, 3)
        pointers = [address(tensor) for tensor in (z, *norm, gradient, planes)]
        kernels().normalise_sums(shape.samples, shape.n_out, area, *pointers, torch.get_num_threads())

        beta_gradient, product, slope_gradient = planes.double().sum(0).unbind(1)
        means = (beta_gradient / count).float(), (product * inverse_deviation.square() / count).float()
        structure = Norm(*(tensor.data_ptr() for tensor in (*norm, *means)))
        image_gradient, weight_gradient = _gradients(ctx, image, weight, z, gradient, structure)
        return (
            image_gradient,
            weight_gradient,
            # Batch norm takes off a bias of the convolution.
            torch.zeros_like(beta_gradient, dtype=torch.float32) if ctx.needs_input_grad[2] else None,
            (product * inverse_deviation).float(),
            beta_gradient.float(),
            (slope_gradient if ctx.slopes > 1 else slope_gradient.sum(0, keepdim=True)).float(),
            None,
            None,
        )


def _gradients(
    ctx: Any, image: Tensor, weight: Tensor, z: Tensor, gradient: Tensor, norm: Norm
) -> tuple[Tensor | None, Tensor]:
    """Gradients of the image, if it needs one, and of the weight."""
    image_gradient = torch.empty_like(image) if ctx.needs_input_grad[0] else None
    weight_gradient = torch.empty_like(weight)
    pointers = [address(tensor) for tensor in (image, weight, z, gradient)]
    ends = address(image_gradient), address(weight_gradient), torch.get_num_threads()
    kernels().convolution_gradients(ctypes.byref(ctx.shape), *pointers, ctypes.byref(norm), *ends)
    return image_gradient, weight_gradient
