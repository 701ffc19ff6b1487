"""What a command needs is imported where it is used, so that `--help` and wrong keys are answered at once."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import linksim

_PACKAGES = ("channels", "feedback", "linksim")
_ROOT = Path(linksim.__file__).parents[1]

# Libraries that few commands need, and the files that are imported by those commands alone.
_ON_DEMAND = {
    "lightning_fabric": (),
    "tensorboardX": (),
    "scipy": ("channels/dataset/csinet_export.py", "linksim/studies/reproduction.py"),
    "distributed": ("linksim/execution/dask_executor.py",),
    "sionna": (
        "channels/sources/sionna/coefficients.py",
        "channels/sources/sionna/ray_coupling.py",
        "channels/sources/sionna/sionna_models.py",
        "feedback/links/uci/belief_propagation.py",
        "feedback/links/uci/ldpc_block.py",
    ),
}


@pytest.mark.parametrize(
    ("argument", "word"), [("--help", "show-channel"), ("list", "csinet"), ("run none.yaml", "no such file")]
)
def test_what_asks_for_no_numerics_loads_none(argument: str, word: str) -> None:
    program = (
        "import sys, linksim, channels, feedback\n"
        "from linksim.cli.main import main\n"
        f"sys.argv = ['linksim', *'{argument}'.split()]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print('LOADED', *{name.partition('.')[0] for name in sys.modules})"
    )
    command = [sys.executable, "-c", program]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    text, _, loaded = ended.stdout.partition("LOADED")
    assert word in text + ended.stderr
    heavy = {"torch", "pandas", "scipy", "matplotlib", "numpy", "sionna", "h5py", *_ON_DEMAND}
    if argument == "--help":
        # Typer reads the options of commands with it.
        heavy.add("pydantic")
    assert heavy.isdisjoint(loaded.split())


def test_scenarios_that_ship_are_validated_without_pytorch() -> None:
    """Generated channels and compressors that ship: nothing is computed, so nothing that computes is loaded."""
    scenarios = [str(file) for file in sorted((_ROOT / "scenarios").glob("*.yaml"))]
    program = (
        "import sys\n"
        "from linksim.cli.main import main\n"
        f"for file in {scenarios}:\n"
        "    sys.argv = ['linksim', 'validate', file]\n"
        "    try:\n        main()\n    except SystemExit as end:\n        assert not end.code, (file, end.code)\n"
        "print('LOADED', *{name.partition('.')[0] for name in sys.modules})"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    text, _, loaded = ended.stdout.partition("LOADED")
    assert text.count(": valid,") == len(scenarios)
    assert {"torch", "pandas", "scipy", "matplotlib", "sionna", "h5py", *_ON_DEMAND}.isdisjoint(loaded.split())


@pytest.mark.parametrize("library", _ON_DEMAND)
def test_imported_where_it_is_used(library: str) -> None:
    files = [file for package in _PACKAGES for file in (_ROOT / package).rglob("*.py")]
    at_import = {file.relative_to(_ROOT).as_posix() for file in files if library in set(_imported_at_once(file))}
    assert at_import == set(_ON_DEMAND[library])


def _imported_at_once(file: Path) -> Iterator[str]:
    """Top packages of the imports that run when a module is imported, those for annotations left out."""
    source = file.read_text(encoding="utf-8")
    if not any(name in source for name in _ON_DEMAND):
        return
    for node in ast.parse(source).body:
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]


def test_the_index_of_plugins_says_what_the_registries_say() -> None:
    from linksim.scenario.plugin_index import TITLES, plugin_index
    from linksim.scenario.plugin_kinds import KINDS

    registered = {
        kind.title: {name: (kind.registry.get_class(name).__doc__ or "").strip().splitlines()[0] for name in kind.names}
        for kind in KINDS
    }
    assert {TITLES[registry]: lines for registry, lines in plugin_index().items()} == registered
