"""Runs every benchmark of this folder."""

import importlib
import pkgutil

import benchmarks


def main() -> None:
    for module in pkgutil.iter_modules(benchmarks.__path__):
        # A folder is a benchmark that takes longer, called by its own name.
        if module.name != "__main__" and not module.ispkg:
            importlib.import_module(f"benchmarks.{module.name}").main()


if __name__ == "__main__":
    main()
