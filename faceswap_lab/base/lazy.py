"""Packages that offer names without loading the modules that have them."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Callable


def offered(package: str, names: dict[str, str]) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """A package's `__getattr__` and `__dir__` (PEP 562): what is asked for is loaded then, and kept.

    Args:
        package: its full name.
        names: a module's name inside the package, or the full name of one elsewhere -> the names that it offers, with spaces
            between. The package's own modules and packages are offered besides, each by its name.

    Returns:
        Two functions, to be bound in the package under those names.
    """
    modules = {name: module for module, some in names.items() for name in some.split()}

    def load(name: str) -> object:
        if name in modules:
            module = modules[name]
            module = module if module.startswith("faceswap_lab.") else f"{package}.{module}"
            found = getattr(importlib.import_module(module), name)
        elif name.startswith("_") or not importlib.util.find_spec(f"{package}.{name}"):
            raise AttributeError(f"{package} has no {name!r}")
        else:
            return importlib.import_module(f"{package}.{name}")
        setattr(sys.modules[package], name, found)
        return found

    def names_now() -> list[str]:
        found = sys.modules[package]
        return sorted({*vars(found), *modules, *(one.name for one in pkgutil.iter_modules(found.__path__))})

    return load, names_now
