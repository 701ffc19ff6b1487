"""Packages that some features need and a run of shipped networks does not: each comes with an extra of the package."""

from importlib.util import find_spec

from feedback.errors import FeedbackInputError

# Extra of setup.cfg -> packages, by the names that they are imported under.
EXTRAS = {
    "train": ("lightning_fabric", "tensorboardX"),
    "cluster": ("distributed",),
    "export": ("onnx", "onnxscript", "onnxruntime"),
}


def require_extra(extra: str, feature: str) -> None:
    """Refuses a feature whose packages are not installed, before any work is done for it.

    Args:
        extra: which extra has them.
        feature: what needs them, as the user calls it.

    Raises:
        FeedbackInputError: if one is missing; the line says what to install.
    """
    missing = next((package for package in EXTRAS[extra] if find_spec(package) is None), None)
    if missing is not None:
        raise FeedbackInputError(
            f"{feature}: package {missing} is not installed, expected it: pip install 'linksim[{extra}]'"
        )
