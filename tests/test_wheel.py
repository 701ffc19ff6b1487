"""What a wheel holds, and that it works where there is no checkout."""

import importlib.util
import os
import shutil
import subprocess
import sys
import venv
from configparser import ConfigParser
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from feedback.extras import EXTRAS

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("channels", "feedback", "linksim")
SHIPPED = ("scenarios", "zoo")


def expected_files() -> set[str]:
    """Code and data of the packages as they lie here; scenarios and weights where an installation has them."""
    here = {file for package in PACKAGES for file in (ROOT / package).rglob("*") if file.is_file()}
    found = {file.relative_to(ROOT).as_posix() for file in here if "__pycache__" not in file.parts}
    for folder in SHIPPED:
        files = [file for file in (ROOT / folder).rglob("*") if file.is_file() and "__pycache__" not in file.parts]
        found |= {f"linksim/shipped/{file.relative_to(ROOT).as_posix()}" for file in files}
    return found


def test_holds_scenarios_weights_and_all_of_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    importlib.import_module("setuptools")
    # Setuptools's own, which takes the place of the standard library's.
    distutils = importlib.import_module("distutils.core")
    build = distutils.run_setup("setup.py", stop_after="init").get_command_obj("build_py")
    build.ensure_finalized()
    outputs = {Path(file).relative_to(build.build_lib).as_posix() for file in build.get_outputs(include_bytecode=False)}
    assert outputs == expected_files()
    for kind in ("scenarios/uma_28ghz.yaml", "csinet-cr4-626c21a40394.safetensors", "convolution.c", "py.typed"):
        assert any(name.endswith(kind) for name in outputs)


@pytest.mark.validate
def test_an_installation_runs_a_scenario_by_its_name(tmp_path: Path) -> None:
    source, wheels, environment, here = (tmp_path / name for name in ("source", "wheels", "venv", "study"))
    here.mkdir()
    # Not in the checkout, where a build leaves files.
    ignored = shutil.ignore_patterns(".git", ".venv", "__pycache__", "results", "build", "*.egg-info")
    shutil.copytree(ROOT, source, ignore=ignored)
    pip = [sys.executable, "-m", "pip", "--quiet"]
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", wheels, source], check=True)
    venv.create(environment, with_pip=False)
    python = environment / "bin/python"
    (site,) = environment.glob("lib/python*/site-packages")
    subprocess.run([*pip, "install", "--no-deps", "--target", site, *wheels.glob("*.whl")], check=True)
    # The packages that linksim needs, after itself; paths that a .pth file adds bring no other .pth, so no checkout.
    needed = importlib.util.find_spec("torch").submodule_search_locations[0]  # type: ignore[union-attr,index]
    (site / "needed.pth").write_text(str(Path(needed).parent))
    environ = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "LINKSIM_ZOO")}

    def linksim(*arguments: str) -> str:
        command = [python, "-m", "linksim", *arguments]
        done = subprocess.run(command, cwd=here, env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert str(site) in linksim("validate", "uma_28ghz")
    assert "studies/generalization" in linksim("list")
    linksim("init", "mine.yaml")
    assert linksim("validate", "mine.yaml") == "mine.yaml: valid, 6 points\n"
    small = ("monte_carlo.samples=10", "training.samples=200", "sweeps={}")
    output = linksim("run", "uma_28ghz", *(word for setting in small for word in ("--set", setting)))
    assert "crnet" in output
    (results,) = here.glob("results/uma_28ghz/*/results.csv")
    assert "crnet" in results.read_text()


def test_extras_have_the_packages_that_features_ask_for() -> None:
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    extras = setup["options.extras_require"]
    for extra, packages in EXTRAS.items():
        installed = {Requirement(line).name.replace("-", "_") for line in extras[extra].split()}
        assert installed == set(packages)
        assert extra in extras["dev"].split()[0]
    always = {Requirement(line).name.replace("-", "_") for line in setup["options"]["install_requires"].split()}
    assert always.isdisjoint(package for packages in EXTRAS.values() for package in packages)
