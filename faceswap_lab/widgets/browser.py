"""A face set in the notebook, page by page: mark what is no good, reject it, undo. Every step is on disk at once."""

from __future__ import annotations

from pathlib import Path

import ipywidgets as widgets
import numpy as np

from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import _, ngettext
from faceswap_lab.faces import curation
from faceswap_lab.faces.faceset import FaceSet
from faceswap_lab.video.pictures import coded_picture
from faceswap_lab.widgets.showing import Picture, Telling, give_focus
from faceswap_lab.widgets.training_panel import somebody_watches

_COLUMNS = 8  # of the picture that stands for the browser where nobody can click


class FaceBrowser(Telling):
    """Shows a face set and takes faces out of it; the last line of a cell displays it.

    Without a browser at the other end it does the same: set a widget's `value`, call a button's `click()`. A cell that is
    executed with nobody watching (papermill, nbconvert) shows the page's faces as one picture.

    Args:
        faces: the set or its folder; of a subset, its own faces only.
        by: the order at first, one of `curation.SORTS`.
        page_size: faces a page.
        cell: side of a thumbnail in pixels.

    Attributes:
        widget: all of it, an ipywidgets box.
        faces: the `FaceSet` as it is now.
        marked: names of the faces marked for rejection, on all pages.
        sorting, backwards, previous, next, reject_button, undo_button: the controls.
        toggles, images: a button and a picture for every place of the page.
        counter: where one is, and how many faces there are.
        message: what was done; errors are shown here, too.

    Raises:
        LabError: when there is no face set, for an unknown order or a page without faces.
    """

    def __init__(self, faces: FaceSet | str | Path, by: str = "time", page_size: int = 24, cell: int = 96):
        if page_size < 1 or by not in curation.SORTS:
            raise LabError(f"page_size={page_size}, by={by!r}: 1 or more, and one of {', '.join(curation.SORTS)}.")
        self.folder = faces.folder if isinstance(faces, FaceSet) else Path(faces)
        self._only = set(faces.table["face"]) if isinstance(faces, FaceSet) else None
        self.marked: set[str] = set()
        self._order: list[str] = []
        self.page, self._cell = 0, cell
        self._last_rejected = ""
        self._build(by, page_size)
        self._read()
        self._show()

    def mark(self, rows) -> None:
        """Marks faces for rejection, such as those that `curation.near_duplicates(browser.faces)` gives.

        Args:
            rows: indices or a boolean mask over `faces.table`.
        """
        self.marked |= set(self.faces.subset(rows).table["face"])
        self._show()

    def _ipython_display_(self) -> None:
        from IPython.display import HTML, display

        if somebody_watches() or not len(self.faces):
            display(self.widget)
            return
        sheet = self.faces.subset(self._rows(self._page_names())).contact_sheet(_COLUMNS, self._cell)
        still = _(
            "In a running notebook each has a button here, to mark it for rejection; <i>undo</i> brings rejected faces back."
        )
        page = Picture(coded_picture(sheet, ".png"), _("faces by {order}").format(order=self.sorting.value))
        display(page, HTML(f"<p>{self.counter.value}. {still}</p>"))

    def _build(self, by: str, page_size: int) -> None:
        self.sorting = widgets.Dropdown(options=curation.SORTS, value=by, description=_("sort by"))
        self.backwards = widgets.Checkbox(value=False, description=_("backwards"), indent=False)
        self.previous, self.next = (widgets.Button(description=name) for name in (_("previous"), _("next")))
        self.reject_button = widgets.Button(description=_("reject marked"), button_style="danger")
        self.undo_button = widgets.Button(description=_("undo"))
        self.counter, self.message = widgets.Label(), widgets.HTML()
        side = f"{self._cell}px"
        self.images = [widgets.Image(format="png", width=self._cell, height=self._cell) for _ in range(page_size)]
        self.toggles = [widgets.ToggleButton(layout={"width": side}) for _ in range(page_size)]
        self._cells = [widgets.VBox(pair) for pair in zip(self.images, self.toggles, strict=True)]
        grid = widgets.HBox(self._cells, layout={"flex_flow": "row wrap"})
        self.widget = widgets.VBox(
            [
                widgets.HBox([self.sorting, self.backwards, self.counter], layout={"flex_flow": "row wrap"}),
                grid,
                widgets.HBox([self.previous, self.next, self.reject_button, self.undo_button]),
                self.message,
            ]
        )
        self._showing = False
        for control in (self.sorting, self.backwards):
            control.observe(lambda change: self._safely(self._turn_to_first), "value")
        for place, toggle in enumerate(self.toggles):
            toggle.observe(lambda change, place=place: self._toggled(place), "value")
        for button, action in (
            (self.previous, lambda: self._turn(-1)),
            (self.next, lambda: self._turn(1)),
            (self.reject_button, self._reject),
            (self.undo_button, self._undo),
        ):
            button.on_click(lambda clicked, action=action: self._clicked(clicked, action))

    def _clicked(self, button: widgets.Button, action) -> None:
        self._safely(action)
        if button.disabled:
            give_focus(next(one for one in (self.previous, self.next, self.reject_button) if not one.disabled))

    def _read(self) -> None:
        faces = FaceSet(self.folder)
        self.faces = faces if self._only is None else faces.subset(faces.table["face"].isin(self._only).to_numpy())
        self._gone = len(curation.rejected(self.folder))
        there = set(self.faces.table["face"])
        self.marked &= there
        if there - set(self._order):  # at first, after an undo, or when an extraction goes on meanwhile
            self._sort()

    def _sort(self) -> None:
        order = curation.sort(self.faces, self.sorting.value)
        self._order = self.faces.table["face"].iloc[order].tolist()

    def _turn_to_first(self) -> None:
        self.page = 0
        self._sort()
        self._show()

    def _turn(self, step: int) -> None:
        before = self.page
        self.page += step
        try:
            self._show()
        except LabError:
            self.page = before  # whose faces are still shown
            raise

    def _toggled(self, place: int) -> None:
        if not self._showing:
            name = self._page_names()[place]
            self.marked ^= {name}
            self._label(place, name)
            self._count()

    def _reject(self) -> None:
        rows = np.flatnonzero(self.faces.table["face"].isin(self.marked))
        names = curation.reject(self.faces, rows, "marked in the browser")
        self._read()
        self._show()
        if names:
            said = ngettext("{count} face rejected.", "{count} faces rejected.", len(names))
            self._last_rejected = said.format(count=len(names))
            self._say(self._last_rejected)
        elif self._last_rejected:  # a double click's second half must not hide what the first one did
            self._say(f"{self._last_rejected} {_('No other face is marked.')}")
        else:
            self._say(_("No face is marked."))

    def _undo(self) -> None:
        names = curation.undo(self.folder)
        if self._only is not None:
            self._only |= set(names)
        self._read()
        self._show()
        self._last_rejected = ""
        back = ngettext("{count} face is back.", "{count} faces are back.", len(names)).format(count=len(names))
        self._say(back if names else _("There is nothing to undo."))

    def _names(self) -> list[str]:
        there = set(self.faces.table["face"])
        names = [name for name in self._order if name in there]
        return names[::-1] if self.backwards.value else names

    def _page_names(self) -> list[str]:
        return self._names()[self.page * len(self.toggles) :][: len(self.toggles)]

    def _rows(self, names: list[str]) -> np.ndarray:
        return self.faces.table.reset_index().set_index("face")["index"].loc[names].to_numpy()

    def _pages(self) -> int:
        return max(1, -(-len(self.faces) // len(self.toggles)))

    def _show(self) -> None:
        self.page = int(np.clip(self.page, 0, self._pages() - 1))
        names = self._page_names()
        pictures = self.faces.subset(self._rows(names)).images(self._cell)
        self._showing = True
        try:
            for place, cell in enumerate(self._cells):
                cell.layout.display = "flex" if place < len(names) else "none"
                if place < len(names):
                    self.images[place].value = coded_picture(pictures[place], ".png")
                    self._label(place, names[place])
        finally:
            self._showing = False
        self._count()

    def _label(self, place: int, name: str) -> None:
        toggle, marked = self.toggles[place], name in self.marked
        toggle.value, toggle.tooltip = marked, name
        toggle.description, toggle.button_style = (_("reject"), "danger") if marked else (_("keep"), "")

    def _count(self) -> None:
        faces = ngettext("{count} face", "{count} faces", len(self.faces)).format(count=len(self.faces))
        self.counter.value = _("page {page} of {pages}: {faces}, {marked} marked, {rejected} rejected").format(
            page=self.page + 1, pages=self._pages(), faces=faces, marked=len(self.marked), rejected=self._gone
        )
        self.previous.disabled, self.next.disabled = self.page == 0, self.page >= self._pages() - 1
        self.undo_button.disabled = not self._gone
