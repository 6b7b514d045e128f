"""Draws the package's rooms and who knows whom, from the imports themselves: python tools/draw_rooms.py writes docs/rooms.svg."""

import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
import test_rooms as rooms  # noqa: E402

PLACE = ROOT / "docs" / "rooms.svg"


def edges() -> list[tuple[str, str]]:
    """(room, room that it imports), without those that it also knows through a third: what is left can be taken in."""
    known = {(rooms.room(name), rooms.room(other)) for name, others in rooms.MODULES.items() for other in others}
    direct = {(a, b) for a, b in known if a != b and {a, b} <= set(rooms.FLOOR)}
    reach = set(direct)
    for middle in rooms.FLOOR:
        reach |= {(a, b) for a, x in reach if x == middle for y, b in reach if y == middle}
    return sorted((a, b) for a, b in direct if not any((a, c) in reach and (c, b) in reach for c in rooms.FLOOR))


def lines(room: str) -> int:
    return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in (rooms.PACKAGE / room).rglob("*.py"))


def draw(place: Path = PLACE) -> None:
    """A box a room, the floors from the bottom up; an arrow from a room to one that it knows."""
    figure, axis = plt.subplots(figsize=(8, 10))
    at = {}
    for floor, names in enumerate(rooms.FLOORS):
        for index, name in enumerate(sorted(names)):
            at[name] = (index - (len(names) - 1) / 2) * 4.4 + (0.9 if floor % 2 else -0.9) * (len(names) == 1), floor
    for a, b in edges():
        style = {"arrowstyle": "-|>", "lw": 1.4, "color": "#7a8ca3", "shrinkA": 18, "shrinkB": 22}
        axis.annotate("", at[b], at[a], arrowprops=style)
    for name, (x, y) in at.items():
        words = f"{name}\n{sum(rooms.room(one) == name for one in rooms.MODULES)} modules, {lines(name):,} lines"
        axis.text(x, y, words, ha="center", va="center", fontsize=9,
                  bbox={"boxstyle": "round,pad=0.5", "fc": "white", "ec": "#2b4a6f"})  # fmt: skip
    axis.set(xlim=(-4.2, 4.2), ylim=(-0.6, len(rooms.FLOORS) - 0.4))
    axis.axis("off")
    matplotlib.rcParams["svg.hashsalt"] = "rooms"  # the same imports draw the same file
    figure.savefig(place, bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    draw()
    print(PLACE)
