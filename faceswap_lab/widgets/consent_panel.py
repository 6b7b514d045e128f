"""The consent ledger in the notebook: who agreed to what, a form to write an answer down, a button to take one back."""

from __future__ import annotations

import datetime
import html
from collections.abc import Callable, Iterable
from pathlib import Path

import ipywidgets as widgets

from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import _, ngettext
from faceswap_lab.faces.sources import is_identity
from faceswap_lab.provenance import register
from faceswap_lab.provenance.consent import Ledger
from faceswap_lab.provenance.records import PURPOSES, ConsentRecord, describe
from faceswap_lab.widgets.showing import Telling, give_focus
from faceswap_lab.widgets.training_panel import somebody_watches

_HEIGHT = "176px"  # of the record: were it to grow, the button and its answer would jump out of sight


class ConsentPanel(Telling):
    """Lists the ledger, writes consents and revokes them; the last line of a cell displays it.

    Without a browser at the other end it does the same: set a widget's `value`, call a button's `click()`. A cell that is
    executed with nobody watching (papermill, nbconvert) shows the records alone.

    Args:
        files: clips and pictures to write down, each by itself, since each may show somebody else: the form begins with the
            first, and goes on with the next when that is written.
        folder: one's own records; None: the user's ledger.

    Attributes:
        widget: all of it, an ipywidgets box.
        ledger: the `Ledger` as it is now.
        choice: whose record is shown.
        record: that record in words, and what was made with it; for a new person, all records.
        identity, person, granted_by, scope, until, files, purposes, asked, renew: the form; `purposes` has a checkbox for each
            purpose, and nothing is written before `asked` is ticked.
        grant_button, reason, revoke_button: the controls.
        message: what was done, beside the button that did it; errors are shown here, too.

    Raises:
        LabError: when a record is damaged.
    """

    def __init__(self, files: Iterable[str | Path] = (), folder: str | Path | None = None):
        self._folder = folder
        self._new = _("(a new person)")
        self._written: tuple[tuple, str] | None = None  # the form as it was written last, and what was said of it
        self.ledger = Ledger(folder)
        self._waiting = list(dict.fromkeys(map(str, files)))
        self._build(self._waiting[:1])
        self._list(self._new)

    def grant(self) -> None:
        """Writes what the form says."""
        if self._written is not None and self._written[0] == self._form():
            self._say(self._written[1])  # a double click's second half must not hide what the first one did
            return
        if not self.asked.value:
            raise LabError(_("consent: tick that the person was asked and agreed. Nothing is written before."))
        self.ledger = Ledger(self._folder)
        identity, paths = self.identity.value.strip(), _paths(self.files.value)
        self._look_at(identity, paths)
        record = self.ledger.grant(
            identity,
            paths,
            person=self.person.value.strip() or None,
            granted_by=self.granted_by.value.strip() or None,
            purposes=[name for name, box in self.purposes.items() if box.value],
            scope=self.scope.value.strip(),
            until=self.until.value,
            renew=self.renew.value,
        )
        self._waiting = [path for path in self._waiting if path not in paths]
        self.files.value, self.asked.value, self.renew.value = "\n".join(self._waiting[:1]), False, False
        self._list(self._new if self._waiting else record.identity)
        told = _("Written: {file}. It counts {until}.").format(
            file=self.ledger.folder / f"{record.identity}.json", until=_until(record)
        )
        if self._waiting:
            told += " " + _("Now whoever {clip} shows.").format(clip=Path(self._waiting[0]).name)
        self._say(told)
        self._written = self._form(), told

    def revoke(self) -> None:
        """Takes back the consent that is shown."""
        self.ledger = Ledger(self._folder)
        record = self.ledger.revoke(self.choice.value, self.reason.value.strip())
        found = register.outputs_of(record.identity, self.ledger.folder)
        self.reason.value = ""
        self._list(record.identity)
        there = sum(one.state == register.THERE for one in found)
        if there:
            left = ngettext(
                "Revoked. {count} output made with it still there, listed above: delete them.",
                "Revoked. {count} outputs made with it still there, listed above: delete them.",
                there,
            ).format(count=there)
        elif found:
            left = _("Revoked. What was made with it is not where it was made: if it was moved or shared, delete it there.")
        else:
            left = _("Revoked. Nothing was made with it.")
        self._say(left)

    def _ipython_display_(self) -> None:
        from IPython.display import HTML, display

        still = _("In a running notebook a form stands here: it writes down who agreed to what, and takes a consent back.")
        display(self.widget if somebody_watches() else HTML(f"{self.record.value}<p>{still}</p>"))

    def _build(self, paths: list[str]) -> None:
        wide, style = {"width": "520px"}, {"description_width": "110px"}

        def field(kind, description, **given):
            return kind(description=description, layout=wide, style=style, **given)

        self.choice = field(widgets.Dropdown, _("whose"), options=[self._new], value=self._new)
        self.record = widgets.HTML(layout={"height": _HEIGHT, "overflow": "auto"})
        self.identity = field(widgets.Text, _("short name"), placeholder="anna")
        self.person = field(widgets.Text, _("who is shown"))
        self.granted_by = field(widgets.Text, _("who agreed"), placeholder=_("the same person"))
        self.scope = field(widgets.Text, _("bounds"), placeholder=_("such as: in class only"))
        self.until = field(widgets.DatePicker, _("until"), value=None)
        self.files = field(
            widgets.Textarea, _("files"), value="\n".join(paths), placeholder=_("a path a line"), rows=3
        )
        self.purposes = {
            name: widgets.Checkbox(value=True, description=f"{name}: {_(said)}", indent=False, layout=wide)
            for name, said in PURPOSES.items()
        }
        self.asked, self.renew = (
            widgets.Checkbox(value=False, description=said, indent=False, layout=wide)
            for said in (_("I asked; this is the answer"), _("agreed anew, after an end or a revocation"))
        )
        self.grant_button = widgets.Button(description=_("Write"), icon="save", button_style="primary")
        self.reason = field(widgets.Text, _("reason"), placeholder=_("optional"))
        self.revoke_button = widgets.Button(description=_("Revoke"), icon="ban", button_style="danger")
        self.message = widgets.HTML(layout={"flex": "1 1 300px"})
        self._fields = [
            *(self.identity, self.person, self.granted_by),
            *self.purposes.values(),
            *(self.scope, self.until, self.files, self.asked, self.renew),
        ]
        # A button and its answer are one row: below the button the answer would often be below the window, too.
        self._rows = {
            button: widgets.HBox(controls, layout={"flex_flow": "row wrap", "align_items": "center"})
            for button, controls in {
                self.revoke_button: [self.reason, self.revoke_button],
                self.grant_button: [self.grant_button, self.message],
            }.items()
        }
        title = widgets.HTML(f"<b>{_('What somebody agreed to')}</b>", layout={"margin": "8px 0 0 0"})
        head = [self.choice, self.record, self._rows[self.revoke_button]]
        self.widget = widgets.VBox([*head, title, *self._fields, self._rows[self.grant_button]])
        self.choice.observe(lambda change: self._safely(self._show), "value")
        self.grant_button.on_click(lambda clicked: self._clicked(clicked, self.grant))
        self.revoke_button.on_click(lambda clicked: self._clicked(clicked, self.revoke))

    def _clicked(self, button: widgets.Button, action: Callable[[], None]) -> None:
        """Answers beside the button: at the other end of the panel nobody would see it."""
        for one, row in self._rows.items():
            others = [control for control in row.children if control is not self.message]
            row.children = [*others, self.message] if one is button else others
        self._safely(action)
        if button.disabled:
            give_focus(self.choice)

    def _form(self) -> tuple:
        """All that the form says."""
        return tuple(field.value for field in self._fields)

    def _look_at(self, identity: str, paths: list[str]) -> None:
        """Says in the form's words what the ledger would say in those of the command line."""
        known = self.ledger.records.get(identity)
        if not identity:
            raise LabError(_("short name: it is empty. Take letters, digits, _ and -, such as anna."))
        if known is None and is_identity(identity) and not paths:
            raise LabError(_("files: none is named. Write the path of each clip or picture of the person, a path a line."))
        if known is not None and not self.renew.value and _is_over(known):
            why = _("{identity}: this consent ended on {day}.")
            if known.revoked_on:
                why = _("{identity}: this consent was revoked on {day}.")
            remedy = _("If the person agreed again since, tick that, too: agreed anew.")
            raise LabError(f"{why.format(identity=identity, day=known.revoked_on or known.until)} {remedy}")

    def _list(self, identity: str) -> None:
        """The choice of records as they are now, and one of them shown."""
        self.choice.options = [self._new, *self.ledger.records]
        self.choice.value = identity
        self._show()

    def _show(self) -> None:
        """Fills in the record that is chosen; the form then adds to it."""
        self._written = None
        known = self.ledger.records.get(self.choice.value)
        self.revoke_button.disabled = known is None or known.revoked_on is not None
        if known is None:
            count = _("{count} records; yours lie in {folder}")
            count = count.format(count=len(self.ledger.records), folder=self.ledger.folder)
            self.record.value = _plain([count, "", *map(_in_a_line, self.ledger.records.values())])
            for field in (self.identity, self.person, self.granted_by, self.scope):
                field.value = ""
            self.until.value = None
            return
        lines = [*describe(known), *(f"    {one.name}" for one in known.sources)]
        made = register.outputs_of(known.identity, self.ledger.folder)
        count = ngettext("{count} output", "{count} outputs", len(made)).format(count=len(made))
        lines += [f"  {count}", *(f"    {line}" for line in register.told(made))]
        self.record.value = _plain(lines)
        self.identity.value, self.person.value, self.granted_by.value = known.identity, known.person, known.granted_by
        self.scope.value, self.until.value = known.scope, known.until
        for name, box in self.purposes.items():
            box.value = name in known.purposes


def _paths(text: str) -> list[str]:
    """A path a line; without the quotes that a file manager copies along."""
    lines = (line.strip() for line in text.splitlines())
    return [line[1:-1] if len(line) > 2 and line[0] == line[-1] == '"' else line for line in lines if line]


def _is_over(record: ConsentRecord) -> bool:
    """Whether a record can only be given anew."""
    return bool(record.revoked_on or (record.until and record.until < datetime.date.today()))


def _until(record: ConsentRecord) -> str:
    return _("until {day}").format(day=record.until) if record.until else _("until it is revoked")


def _in_a_line(record: ConsentRecord) -> str:
    count = ngettext("{count} file", "{count} files", len(record.sources)).format(count=len(record.sources))
    state = _until(record)
    if _is_over(record):
        state = _("was revoked on {day}") if record.revoked_on else _("ended on {day}")
        state = state.format(day=record.revoked_on or record.until)
    return f"{record.identity}: {record.person[:60]}, {count}, {state}"


def _plain(lines: list[str]) -> str:
    text = html.escape("\n".join(lines))
    return f'<pre style="margin:0; line-height:1.3; white-space:pre-wrap; word-break:normal; overflow-wrap:anywhere">{text}</pre>'
