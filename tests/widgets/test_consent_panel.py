"""The consent panel, driven as a hand would: its form, its list, its button, and the files afterwards."""

import datetime

import pytest

from faceswap_lab.provenance import register
from faceswap_lab.provenance.consent import Ledger
from faceswap_lab.widgets.consent_panel import ConsentPanel


@pytest.fixture
def clip(tmp_path):
    path = tmp_path / "clip of <Anna>.mp4"
    path.write_bytes(b"a video")
    return path


@pytest.fixture
def panel(clip, tmp_path):
    return ConsentPanel([clip], tmp_path / "ledger")


def fill(panel, **values):
    for name, value in values.items():
        getattr(panel, name).value = value


def test_a_consent_is_written_shown_added_to_and_revoked(panel, clip, tmp_path):
    assert panel.choice.value == "(a new person)" and "actor_A" in panel.choice.options and panel.revoke_button.disabled
    until = datetime.date.today() + datetime.timedelta(5)
    fill(panel, identity="anna", person="Anna <b>", granted_by="her father", scope="in class", until=until)
    panel.purposes["convert"].value = False
    panel.grant_button.click()
    assert "tick that the person was asked" in panel.message.value and not (tmp_path / "ledger").exists()
    panel.asked.value = True
    panel.grant_button.click()
    assert "Written" in panel.message.value and not panel.asked.value and panel.files.value == ""
    assert f"It counts until {until}." in panel.message.value and panel.message in panel.widget.children[-1].children
    record = Ledger(tmp_path / "ledger").record("anna")
    assert (record.until, record.purposes, record.scope) == (until, ("prepare",), "in class")
    assert record.granted_by == "her father" and record.sources[0].name == clip.name
    assert panel.choice.value == "anna" and "Anna &lt;b&gt;" in panel.record.value
    assert "clip of &lt;Anna&gt;.mp4" in panel.record.value

    panel.purposes["convert"].value = panel.asked.value = True
    panel.grant_button.click()
    assert Ledger(tmp_path / "ledger").record("anna").purposes == ("prepare", "convert")

    assert register.record_output(clip, ["anna"], [], {"model": "m"}, tmp_path / "ledger") == []
    panel.reason.value = "changed her mind"
    panel.revoke_button.click()
    assert "Revoked. 1 output made with it still there" in panel.message.value and panel.revoke_button.disabled
    assert "was revoked on" in panel.record.value and "changed her mind" in panel.record.value
    assert register.THERE in panel.record.value
    panel.asked.value = True
    panel.grant_button.click()
    assert "tick that, too: agreed anew" in panel.message.value and "--" not in panel.message.value
    panel.renew.value = True
    panel.grant_button.click()
    assert Ledger(tmp_path / "ledger").record("anna").refusal("convert") == ""


def test_choosing_shows_and_a_new_person_begins_empty(panel):
    panel.choice.value = "actor_B"
    assert "rendered person" in panel.record.value and "truth_A_from_B.mp4" in panel.record.value
    assert panel.identity.value == "actor_B" and not panel.revoke_button.disabled
    panel.choice.value = "(a new person)"
    assert panel.identity.value == panel.person.value == "" and "3 records" in panel.record.value
    assert "actor_B: " in panel.record.value and "9 files, until it is revoked" in panel.record.value


def test_errors_are_shown(panel, tmp_path):
    fill(panel, identity="../anna", person="Anna", asked=True)
    panel.grant_button.click()
    assert "no short name" in panel.message.value
    fill(panel, identity="anna", files=str(tmp_path / "nowhere.mp4"))
    panel.grant_button.click()
    assert "nowhere.mp4: no such file" in panel.message.value and not (tmp_path / "ledger").exists()


def test_a_double_click_leaves_the_answer_of_the_first(panel, tmp_path):
    fill(panel, identity="anna", person="Anna", asked=True)
    panel.grant_button.click()
    written, stamp = panel.message.value, (tmp_path / "ledger" / "anna.json").stat().st_mtime_ns
    panel.grant_button.click()
    assert "Written" in written and panel.message.value == written
    assert (tmp_path / "ledger" / "anna.json").stat().st_mtime_ns == stamp, "nothing is written twice"
    panel.scope.value = "in class"
    panel.grant_button.click()
    assert "tick that the person was asked" in panel.message.value, "another form is another question"
    panel.revoke_button.click()
    panel.scope.value = ""
    panel.grant_button.click()
    assert "Written" not in panel.message.value, "after a revocation the old answer is not true any more"


def test_the_answer_stands_in_the_row_of_the_button(panel):
    """Where the button can be seen, so can its answer; below the button it was often below the window."""

    def row(control):
        return [one for one in panel.widget.children if control in getattr(one, "children", ())]

    fill(panel, identity="anna", person="Anna", asked=True)
    panel.grant_button.click()
    assert row(panel.message) == row(panel.grant_button)
    panel.revoke_button.click()
    assert row(panel.message) == row(panel.revoke_button) and "Revoked. Nothing was made with it." in panel.message.value
    panel.grant_button.click()
    assert row(panel.message) == row(panel.grant_button) != row(panel.revoke_button)
    assert panel.record.layout.height and panel.record.layout.overflow == "auto", "a long record pushes nothing away"


def test_the_form_speaks_of_its_fields_not_of_the_command_line(panel, clip, tmp_path):
    panel.asked.value = True
    panel.grant_button.click()
    assert "short name: it is empty" in panel.message.value
    fill(panel, identity="anna", person="Anna", files="\n \n")
    panel.grant_button.click()
    assert "files: none is named" in panel.message.value and "--source" not in panel.message.value
    panel.files.value = f'"{clip}"\n'  # as a file manager copies a path
    panel.grant_button.click()
    assert Ledger(tmp_path / "ledger").record("anna").sources[0].name == clip.name


def test_a_fault_that_nobody_foresaw_is_shown(panel, monkeypatch):
    def full(*given, **named):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Ledger, "grant", full)
    fill(panel, identity="anna", person="Anna", asked=True)
    panel.grant_button.click()
    assert "Not done." in panel.message.value and "No space left on device" in panel.message.value
    assert "color" not in panel.message.value, "the theme's own colour, light or dark"


def test_a_static_page_shows_the_records(panel, monkeypatch):
    import IPython.display

    seen = []
    monkeypatch.setattr(IPython.display, "display", seen.append)
    panel._ipython_display_()
    assert "actor_A: " in seen[0].data and "In a running notebook a form stands here" in seen[0].data
    monkeypatch.setattr("faceswap_lab.widgets.consent_panel.somebody_watches", lambda: True)
    panel._ipython_display_()
    assert seen[1] is panel.widget


def test_two_clips_become_two_records(clip, tmp_path):
    """A's clip and B's show two people: one record that names both would say that the one agreed for the other."""
    other = tmp_path / "other.mp4"
    other.write_bytes(clip.read_bytes() + b"another")
    panel = ConsentPanel([clip, other, clip], tmp_path / "ledger")
    assert panel.files.value == str(clip)
    fill(panel, identity="anna", person="Anna", asked=True)
    panel.grant_button.click()
    assert "Now whoever other.mp4 shows." in panel.message.value and panel.identity.value == ""
    assert panel.files.value == str(other) and not panel.asked.value
    fill(panel, identity="ben", person="Ben", asked=True)
    panel.grant_button.click()
    assert "Now whoever" not in panel.message.value and panel.files.value == ""
    named = {name: [one.name for one in panel.ledger.records[name].sources] for name in ("anna", "ben")}
    assert named == {"anna": [clip.name], "ben": ["other.mp4"]}
