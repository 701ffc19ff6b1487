"""Libraries in C: compiled by gcc for the machine at first use, then kept in the user's cache."""

import ctypes
import hashlib
import logging
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

_LOGGER = logging.getLogger(__name__)


def load_library(
    package: str, source: str, flags: Sequence[str], headers: Sequence[str] = (), *, without: str
) -> ctypes.CDLL | None:
    """A library made of one C file of a package, or None, with a warning, where it cannot be compiled or loaded.

    Args:
        package: the package that the files lie in.
        source: name of the C file.
        flags: of the compiler; those for a shared library are added.
        headers: names of the files beside it that it includes; ``package/name`` for those of another package.
        without: what becomes of its work where there is none; begins the warning.
    """
    try:
        return _load(package, source, (*flags, "-shared", "-fPIC"), headers)
    except (_UnavailableError, OSError) as error:
        _LOGGER.warning("%s: %s", without, error)
        return None


class _UnavailableError(Exception):
    """A library cannot be compiled here; says why in a few words."""


def _load(package: str, source: str, flags: Sequence[str], headers: Sequence[str]) -> ctypes.CDLL:
    compiler = shutil.which("gcc")
    if compiler is None:
        raise _UnavailableError("no gcc was found")
    texts = dict(_text(package, name) for name in (source, *headers))
    version = subprocess.run([compiler, "--version"], capture_output=True, check=False).stdout
    # Home folders are shared by machines whose instructions differ.
    made_for = [*texts.values(), version, " ".join(flags).encode(), _processor()]
    name = f"{Path(source).stem}-{hashlib.sha256(b'/'.join(made_for)).hexdigest()[:16]}.so"
    kept = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "linksim" / name
    if kept.exists():
        return ctypes.CDLL(str(kept))
    with tempfile.TemporaryDirectory() as folder:
        for file, text in texts.items():
            (Path(folder) / file).write_bytes(text)
        made = Path(folder) / name
        _compile([compiler, *flags, source, "-o", str(made)], folder)
        _keep(made, kept)
        return ctypes.CDLL(str(made))


def _text(package: str, name: str) -> tuple[str, bytes]:
    """Name and content of a file of a package, or of another one that is named before it."""
    folder, _, plain = name.rpartition("/")
    return plain, files(folder or package).joinpath(plain).read_bytes()


def _compile(command: list[str], folder: str) -> None:
    outcome = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    if outcome.returncode:
        reason = outcome.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
        raise _UnavailableError(f"gcc failed: {reason[0]}")


def _keep(made: Path, kept: Path) -> None:
    """Copies a library to the cache in one step, so that other processes find all of it or none."""
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=kept.parent, delete=False) as copy:
            copy.write(made.read_bytes())
        Path(copy.name).replace(kept)
    except OSError:
        # A cache that cannot be written costs each process two seconds.
        return


def _processor() -> bytes:
    try:
        lines = Path("/proc/cpuinfo").read_bytes().splitlines()
    except OSError:
        return platform.processor().encode()
    return b"".join(sorted({line for line in lines if line.startswith((b"model name", b"flags", b"Features"))}))
