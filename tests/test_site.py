"""`make site`: what Sphinx is given leads nowhere but inside, each lesson says whose outputs it shows, dead links are found."""

import json
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import executed  # noqa: E402
import make_site  # noqa: E402
import reference  # noqa: E402


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """The laid out pages; MathJax's file, which only the site's own packages have, is stood in for."""
    folder = tmp_path_factory.mktemp("site") / "source"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(executed, "mathjax", lambda: ROOT / "Makefile")
        assert set(make_site.lay_out(folder, None).values()) == {0}
    return folder


def test_every_page_of_the_repository_and_every_lesson_is_there_and_in_the_contents(source):
    contents = (source / "index.md").read_text(encoding="utf-8")
    listed = re.findall(r"^([\w/]+)$", contents, re.M)
    pages = {path.relative_to(ROOT).with_suffix("").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert pages <= set(listed) and "notebooks/*" in contents
    assert all((source / f"{name}.md").exists() for name in listed)
    lessons = list((source / "notebooks").glob("*.ipynb"))
    assert len(lessons) == len(list((ROOT / "notebooks").glob("*.ipynb")))
    assert all("Not executed here" in json.dumps(json.loads(path.read_text())["cells"][1]) for path in lessons)


def test_no_link_leads_out_of_the_site(source):
    for page in source.rglob("*.md"):
        text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
        for mark, _, address in make_site.LINK.findall(text):
            place = (page.parent / address.partition("#")[0]).resolve()
            assert re.match(r"[a-z]+:|#", address) or place.exists(), (page.name, mark, address)


def test_the_reference_has_every_public_function_with_its_words():
    pages = reference.pages()
    faces = pages["faces"]
    assert "## faceswap\\_lab.<wbr>faces.<wbr>alignment" in faces and "### `umeyama`" in faces
    assert r"## faceswap\_lab.<wbr>\_\_main\_\_" in pages["faceswap_lab"], "no bold main"
    assert "def umeyama(source: np.ndarray, target: np.ndarray" in faces and "_about_direction" not in faces
    assert sum(page.count("\n### ") for page in pages.values()) > 400


def test_the_gallery_names_each_video_in_words(tmp_path):
    run = tmp_path / "run"
    (run / "swap").mkdir(parents=True)
    for name in ("side_by_side", "to_show", "swap/faceswap_gan_seamless"):
        (run / f"{name}.mp4").touch()
    titles = re.findall(r"^## (.+)$", make_site._gallery(run, tmp_path / "gallery"), re.M)
    cut = "A cut to show somebody, from lesson 05"
    assert titles == ["Target, swap and true swap, side by side", cut, "Faceswap gan, seamless blend"]
    style = (ROOT / "tools" / "site" / "lab.css").read_text(encoding="utf-8")
    assert ".bd-article video { max-width: 100%" in style, "else a video is wider than a phone"
    phone = style[style.index("@media (max-width: 576px)") :]
    assert ".cell_output img { max-width: 44rem" in phone and ".cell_output { overflow-x: auto" in phone, "letters too small"


def test_dead_links_and_what_is_loaded_from_elsewhere_are_found(tmp_path):
    (tmp_path / "a.html").write_text(
        '<p id="here"><a href="b.html#there">b</a><a href="#here">here</a><a href="https://doi.org/1">paper</a>'
        '<a href="none.html">none</a><a href="b.html#lost">lost</a><script src="https://cdn.example/x.js"></script>'
    )
    (tmp_path / "b.html").write_text('<h1 id="there">there</h1><img src="data:image/png;base64,AA==">')
    assert make_site.faults(tmp_path) == [
        "a.html: b.html#lost has no such place",
        "a.html: loads https://cdn.example/x.js",
        "a.html: none.html leads nowhere",
    ]
