"""The package's reference as Markdown pages, read from the source: nothing is imported, so it takes a second."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "faceswap_lab"
OWN = "faceswap_lab"  # the page of the modules that lie in no room


def pages() -> dict[str, str]:
    """A page for each room of the package, by name."""
    rooms: dict[str, list[Path]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).parts
        rooms.setdefault(parts[0] if len(parts) > 1 else OWN, []).append(path)
    made = {}
    for room, paths in sorted(rooms.items()):
        bodies = [body for path in paths if (body := module(path))]
        title = f"# {OWN}.<wbr>{room}" if room != OWN else f"# {OWN}: modules of its own"
        made[room] = "\n\n".join([title, *bodies]) + "\n"
    return made


def module(path: Path) -> str:
    """One module: its docstring, then its public classes and functions; "" where there is nothing to say."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    heading = name.replace("_", r"\_").replace(".", ".<wbr>")  # where a phone may break it
    parts = [f"## {heading}", *_words(ast.get_docstring(tree))]
    for node in tree.body:
        if _is_public(node) and ast.get_docstring(node):
            parts += _entry(node, "###", "")
    return "\n\n".join(parts) if len(parts) > 1 else ""


def _entry(node: ast.stmt, level: str, owner: str) -> list[str]:
    is_class = isinstance(node, ast.ClassDef)
    parts = [f"{level} `{owner}{node.name}`", f"```python\n{_signature(node)}\n```", *_words(ast.get_docstring(node))]
    for inner in node.body if is_class else ():
        if _is_public(inner) and ast.get_docstring(inner):
            parts += _entry(inner, "####", f"{node.name}.")
    return parts


def _is_public(node: ast.stmt) -> bool:
    return isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_")


def _signature(node: ast.stmt) -> str:
    if isinstance(node, ast.FunctionDef):
        answer = f" -> {ast.unparse(node.returns)}" if node.returns else ""
        return f"def {node.name}({ast.unparse(node.args)}){answer}"
    bases = ", ".join(map(ast.unparse, node.bases))
    fields = [ast.unparse(line) for line in node.body if isinstance(line, ast.AnnAssign)]
    return "\n    ".join([f"class {node.name}({bases})" if bases else f"class {node.name}", *fields])


def _words(docstring: str | None) -> list[str]:
    """A docstring: its first paragraph as text, the rest as it is laid out."""
    first, _, rest = (docstring or "").partition("\n\n")
    text = re.sub(r"([*_<\[\]$#])", r"\\\1", re.sub(r"\s+", " ", first))
    code = re.sub(r"`[^`]*`", lambda found: found[0].replace("\\", ""), text)
    return [part for part in (code, f"```text\n{rest.rstrip()}\n```" if rest.strip() else "") if part]
