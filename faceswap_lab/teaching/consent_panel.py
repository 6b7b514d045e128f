"""The consent ledger in the notebook: who agreed to what, a form to write an answer down, a button to take one back."""

from __future__ import annotations

import html
from collections.abc import Iterable
from pathlib import Path

import ipywidgets as widgets

from faceswap_lab.errors import LabError
from faceswap_lab.provenance import register
from faceswap_lab.provenance.commands import describe
from faceswap_lab.provenance.consent import Ledger
from faceswap_lab.provenance.records import PURPOSES
from faceswap_lab.teaching.messages import Telling

NEW = "(a new person)"


class ConsentPanel(Telling):
    """Lists the ledger, writes consents and revokes them; the last line of a cell displays it.

    Without a browser at the other end it does the same: set a widget's `value`, call a button's `click()`.

    Args:
        files: clips and pictures that the form begins with.
        folder: one's own records; None: the user's ledger.

    Attributes:
        widget: all of it, an ipywidgets box.
        ledger: the `Ledger` as it is now.
        choice: whose record is shown.
        record: that record in words, and what was made with it.
        identity, person, granted_by, scope, until, files, purposes, asked, renew: the form; `purposes` has a checkbox for each
            purpose, and nothing is written before `asked` is ticked.
        grant_button, reason, revoke_button: the controls.
        message: what was done; errors are shown here, too.

    Raises:
        LabError: when a record is damaged.
    """

    def __init__(self, files: Iterable[str | Path] = (), folder: str | Path | None = None):
        self._folder = folder
        self.ledger = Ledger(folder)
        self._build([str(path) for path in files])
        self._list(NEW)

    def grant(self) -> None:
        """Writes what the form says."""
        if not self.asked.value:
            raise LabError("consent: tick that the person was asked and agreed. Nothing is written before.")
        self.ledger = Ledger(self._folder)
        record = self.ledger.grant(
            self.identity.value.strip(),
            [line.strip() for line in self.files.value.splitlines() if line.strip()],
            person=self.person.value.strip() or None,
            granted_by=self.granted_by.value.strip() or None,
            purposes=[name for name, box in self.purposes.items() if box.value],
            scope=self.scope.value.strip(),
            until=self.until.value,
            renew=self.renew.value,
        )
        self.files.value, self.asked.value, self.renew.value = "", False, False
        self._list(record.identity)
        self._say(f"Written: {self.ledger.folder / record.identity}.json")

    def revoke(self) -> None:
        """Takes back the consent that is shown."""
        self.ledger = Ledger(self._folder)
        record = self.ledger.revoke(self.choice.value, self.reason.value.strip())
        found = register.outputs_of(record.identity, self.ledger.folder)
        self.reason.value = ""
        self._list(record.identity)
        there = sum(one.state == register.THERE for one in found)
        self._say(f"Revoked. {there} outputs made with it are still there: they are listed above; delete them.")

    def _ipython_display_(self) -> None:
        from IPython.display import display

        display(self.widget)

    def _build(self, paths: list[str]) -> None:
        wide, style = {"width": "520px"}, {"description_width": "110px"}

        def field(kind, description, **given):
            return kind(description=description, layout=wide, style=style, **given)

        self.choice = field(widgets.Dropdown, "whose", options=[NEW], value=NEW)
        self.record = widgets.HTML()
        self.identity = field(widgets.Text, "short name", placeholder="anna")
        self.person = field(widgets.Text, "who is shown")
        self.granted_by = field(widgets.Text, "who agreed", placeholder="the same person")
        self.scope = field(widgets.Text, "bounds", placeholder="such as: in class only")
        self.until = field(widgets.DatePicker, "until", value=None)
        self.files = field(widgets.Textarea, "files", value="\n".join(paths), placeholder="a path a line", rows=3)
        self.purposes = {
            name: widgets.Checkbox(value=True, description=f"{name}: {said}", indent=False, layout=wide)
            for name, said in PURPOSES.items()
        }
        self.asked = widgets.Checkbox(value=False, description="I asked; this is the answer", indent=False, layout=wide)
        self.renew = widgets.Checkbox(
            value=False, description="agreed anew, after an end or a revocation", indent=False, layout=wide
        )
        self.grant_button = widgets.Button(description="Write", icon="save", button_style="primary")
        self.reason = field(widgets.Text, "reason", placeholder="optional")
        self.revoke_button = widgets.Button(description="Revoke", icon="ban", button_style="danger")
        self.message = widgets.HTML()
        form = [
            self.identity,
            self.person,
            self.granted_by,
            *self.purposes.values(),
            self.scope,
            self.until,
            self.files,
        ]
        self.widget = widgets.VBox(
            [
                self.choice,
                self.record,
                widgets.HBox([self.reason, self.revoke_button], layout={"flex_flow": "row wrap"}),
                widgets.HTML("<b>What somebody agreed to</b>", layout={"margin": "8px 0 0 0"}),
                *form,
                self.asked,
                self.renew,
                self.grant_button,
                self.message,
            ]
        )
        self.choice.observe(lambda change: self._safely(self._show), "value")
        self.grant_button.on_click(lambda clicked: self._safely(self.grant))
        self.revoke_button.on_click(lambda clicked: self._safely(self.revoke))

    def _list(self, identity: str) -> None:
        """The choice of records as they are now, and one of them shown."""
        self.choice.options = [NEW, *self.ledger.records]
        self.choice.value = identity
        self._show()

    def _show(self) -> None:
        """Fills in the record that is chosen; the form then adds to it."""
        known = self.ledger.records.get(self.choice.value)
        self.revoke_button.disabled = known is None or known.revoked_on is not None
        if known is None:
            self.record.value = (
                f"{len(self.ledger.records)} records; yours lie in {html.escape(str(self.ledger.folder))}"
            )
            for field in (self.identity, self.person, self.granted_by, self.scope):
                field.value = ""
            self.until.value = None
            return
        lines = [*describe(known), *(f"    {one.name}" for one in known.sources)]
        made = register.outputs_of(known.identity, self.ledger.folder)
        lines += [f"  outputs  {len(made)}", *(f"    {line}" for line in register.told(made))]
        self.record.value = f"<pre>{html.escape(chr(10).join(lines))}</pre>"
        self.identity.value, self.person.value, self.granted_by.value = known.identity, known.person, known.granted_by
        self.scope.value, self.until.value = known.scope, known.until
        for name, box in self.purposes.items():
            box.value = name in known.purposes
