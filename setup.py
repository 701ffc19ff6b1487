"""What goes into the wheel beside the code: scenarios and trained weights, which lie beside the packages here.

Everything else is in ``setup.cfg``. ``linksim.shipped_files`` finds both folders in a checkout and in an installation.
"""

from setuptools import find_packages, setup

# Folder here -> files of it that ship, in ``linksim/shipped/<folder>/`` of an installation.
SHIPPED = {"scenarios": ["**/*.yaml", "plugins/*.py"], "zoo": ["*.json", "*.safetensors"]}

packages = find_packages(include=["channels*", "feedback*", "linksim*"])
shipped = {f"linksim.shipped.{folder}": folder for folder in SHIPPED}
files = [
    "py.typed",
    "*.yaml",
    "environments/*.yaml",
    "*.html.j2",
    "*.csv",
    "*.c",
    "*.h",
    "data/*.safetensors",
    "data/*.json",
]
data = {"": files}
data |= {package: SHIPPED[folder] for package, folder in shipped.items()}

setup(packages=[*packages, *shipped], package_dir=shipped, package_data=data)
