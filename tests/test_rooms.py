"""The package's rooms: which may know which. The order is the design's; an import that climbs, or a circle, fails here."""

import ast
import graphlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from faceswap_lab.base import safeguards as base
from faceswap_lab.provenance import safeguards as lab

PACKAGE = Path(__file__).resolve().parents[1] / "faceswap_lab"
# A room may import the floors above its own line, and itself. Rooms of one line do not know each other, but faces and models.
FLOORS = [
    {"base"},
    {"video"},
    {"models", "faces"},
    {"training"},
    {"swap"},
    {"metrics"},
    {"provenance"},
    {"course"},
    {"studies"},  # above the course, since they are made on runs: five of them open a run's stages or scores
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
    no_rooms = {"__pycache__", "locale"}  # the latter holds no code: translations
    assert {path.name for path in PACKAGE.iterdir() if path.is_dir()} - no_rooms == set(FLOOR)
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


NEVER = {"swap.conversion": {"provenance"}, "training": {"swap", "provenance"}, "metrics": {"swap"}}
# One process, since libraries take seconds to load; the lab itself is loaded again for each room.
LOADED = """
import sys, importlib
for room in sys.argv[1:]:
    for name in [name for name in sys.modules if name.split(".")[0] == "faceswap_lab"]:
        del sys.modules[name]
    importlib.import_module("faceswap_lab." + room)
    print(*sorted({name.split(".")[1] for name in sys.modules if name.startswith("faceswap_lab.")}))
"""


@pytest.fixture(scope="module")
def loaded() -> dict[str, set[str]]:
    done = subprocess.run([sys.executable, "-c", LOADED, *NEVER], capture_output=True, text=True, check=True)
    return {room: set(line.split()) for room, line in zip(NEVER, done.stdout.splitlines(), strict=True)}


@pytest.mark.parametrize("here", NEVER)
def test_what_loading_a_room_loads(here, loaded):
    assert here.split(".")[0] in loaded[here] and not NEVER[here] & loaded[here]


def test_every_safeguard_of_the_lab_fits_its_protocol():
    """The lab's provenance answers all that the core may ask, with the same arguments."""
    for protocol, answers in ((base.Safeguards, lab), (base.Agreement, lab.Agreement)):
        asked = {name: call for name, call in vars(protocol).items() if inspect.isfunction(call) and name[0] != "_"}
        assert asked
        for name, call in asked.items():
            wanted = [one for one in inspect.signature(call).parameters if one != "self"]
            given = [one for one in inspect.signature(getattr(answers, name)).parameters if one != "self"]
            assert given[: len(wanted)] == wanted, name
