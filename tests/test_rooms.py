"""The package's rooms: which may know which. The order is the design's; an import that climbs, or a circle, fails here."""

import ast
import graphlib
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "faceswap_lab"
# A room may import the floors above its own line, and itself. Rooms of one line do not know each other, but faces and models.
FLOORS = [
    {"base"},
    {"video"},
    {"models", "faces"},
    {"training"},
    {"swap"},
    {"metrics"},
    {"provenance", "studies"},
    {"course"},
    {"widgets", "cli"},
]
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}


def imports(path: Path) -> set[str]:
    """The modules of the package that a module imports, at the top or in a function."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: import by the full name"
            base = node.module or ""
            names = [f"{base}.{alias.name}" for alias in node.names]
            found |= {name if module(name) else base for name in names if name.startswith("faceswap_lab")}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.startswith("faceswap_lab")}
    return found


def module(name: str) -> Path | None:
    place = PACKAGE.parent / name.replace(".", "/")
    return next((path for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file()), None)


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


MODULES = {name_of(path): imports(path) for path in sorted(PACKAGE.rglob("*.py"))}


def room(name: str) -> str:
    return name.split(".")[1] if name.count(".") else ""


def test_the_rooms_are_those_of_the_order():
    assert {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"} == set(FLOOR)
    assert {path.name for path in PACKAGE.glob("*.py")} == {"__init__.py", "__main__.py"}


@pytest.mark.parametrize("here", sorted(FLOOR))
def test_no_import_climbs(here):
    own, climbing = FLOOR[here], []
    for name, known in MODULES.items():
        if room(name) != here:
            continue
        for other in known:
            there = room(other)
            allowed = not there or there == here or FLOOR[there] < own or (here, there) == ("faces", "models")
            if not allowed:
                climbing.append(f"{name} imports {other}")
    assert not climbing, "\n".join(climbing)


def test_no_circle():
    graphlib.TopologicalSorter({name: known - {name, "faceswap_lab"} for name, known in MODULES.items()}).prepare()
