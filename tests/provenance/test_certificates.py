"""The certificate that outputs are signed with: made at first use, kept, renewed; the user's own where there is one."""

import os
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from faceswap_lab.base.errors import LabError
from faceswap_lab.provenance import authority, certificates

NOW = datetime.now(UTC)
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    place = tmp_path / "signing é"
    monkeypatch.setenv(certificates.ENVIRONMENT, str(place))
    return place


def own(folder, key=None, starts=timedelta(0), length=timedelta(days=30), other_key=None):
    """Puts a certificate of one's own there, of an authority of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    top, key = ec.generate_private_key(ec.SECP256R1()), key or ec.generate_private_key(ec.SECP256R1())
    made = authority.make_certificate("My authority", top.public_key(), None, top, NOW + starts, timedelta(days=3650))
    leaf = authority.make_certificate("Studio of mine", key.public_key(), made, top, NOW + starts, length)
    (folder / "chain.pem").write_text(authority.pem(leaf) + authority.pem(made))
    (folder / "key.pem").write_text(authority.pem_key(other_key or key))
    (folder / "key.pem").chmod(0o600)
    return folder


def test_the_course_certificate_is_made_once_and_its_key_is_private(folder):
    first = certificates.signing()
    assert first == certificates.signing()
    assert (first.kind, first.algorithm, first.name) == ("course", "es256", "faceswap_lab course certificate")
    assert timedelta(days=364) < first.ends - NOW <= timedelta(days=366)
    leaf, top = x509.load_pem_x509_certificates(first.chain.encode())
    assert top.not_valid_after_utc - NOW > timedelta(days=3640) and "proves that a file is unchanged" in str(
        leaf.subject
    )
    leaf.verify_directly_issued_by(top)
    names = {"authority.pem": 0o644, "authority.key.pem": 0o600, "signing.pem": 0o600}
    assert {path.name for path in (folder / "course").iterdir()} == set(names)
    if os.name == "posix":
        for name in ("authority.key.pem", "signing.pem"):
            assert stat.S_IMODE((folder / "course" / name).stat().st_mode) == 0o600
    assert list(certificates.anchors()) == ["the course certificate of this machine"]
    assert [path.name for path in folder.iterdir()] == ["course"]


def test_a_certificate_that_ran_out_is_renewed_under_the_same_authority(folder):
    first = certificates.signing(NOW - timedelta(days=500))
    assert first.ends < NOW
    second = certificates.signing(NOW)
    assert second.key != first.key and second.ends > NOW + timedelta(days=300)
    assert second.chain.split("-----END")[1] == first.chain.split("-----END")[1]  # the authority
    assert certificates.signing(NOW) == second


def test_an_authority_that_ran_out_is_replaced_and_stays_known(folder):
    certificates.signing(NOW - timedelta(days=4000))
    old = (folder / "course" / "authority.pem").read_text()
    assert certificates.signing(NOW).ends > NOW
    assert (folder / "course" / "authority.pem").read_text() != old and old in certificates.anchors().values()


def test_a_torn_certificate_is_made_again(folder):
    certificates.signing()
    path = folder / "course" / "signing.pem"
    path.write_text(path.read_text()[:700])
    assert certificates.signing().kind == "course" and path.read_text().count("BEGIN") == 3


def test_a_clock_that_was_put_back_is_named(folder):
    certificates.signing(NOW + timedelta(days=30))
    with pytest.raises(LabError, match=r"signing\.pem: .* valid from .* clock says .*Set the clock.*remove .*course"):
        certificates.signing(NOW)


@pytest.mark.parametrize(("key", "algorithm"), [
    (None, "es256"), (ec.generate_private_key(ec.SECP384R1()), "es384"),
    (rsa.generate_private_key(65537, 2048), "ps256"),
])  # fmt: skip
def test_ones_own_certificate_comes_first(folder, key, algorithm):
    found = certificates.signing() and certificates.signing()
    own(folder, key)
    found = certificates.signing()
    assert (found.kind, found.name, found.algorithm) == ("own", "Studio of mine", algorithm)
    assert "the certificate configured here" in certificates.anchors()


def test_what_is_wrong_with_ones_own_is_named(folder):
    own(folder, other_key=ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(LabError, match=r"chain\.pem: the private key belongs to another certificate"):
        certificates.signing()
    own(folder, starts=timedelta(days=-60))
    with pytest.raises(LabError, match=r"chain\.pem: this certificate ran out on"):
        certificates.signing()
    own(folder, starts=timedelta(days=60))
    with pytest.raises(LabError, match=r"chain\.pem: .* valid from .* clock says"):
        certificates.signing()
    own(folder, ec.generate_private_key(ec.SECP256K1()))
    with pytest.raises(LabError, match="does not know this kind of key"):
        certificates.signing()
    own(folder)
    (folder / "key.pem").write_bytes(
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    with pytest.raises(LabError, match=r"key\.pem: this key has a password"):
        certificates.signing()
    (folder / "key.pem").write_text("no key")
    with pytest.raises(LabError, match=r"key\.pem: this holds no private key"):
        certificates.signing()
    (folder / "key.pem").unlink()
    with pytest.raises(LabError, match=r"key\.pem: missing, though chain\.pem is there"):
        certificates.signing()
    own(folder)
    (folder / "chain.pem").write_text("nothing")
    with pytest.raises(LabError, match=r"chain\.pem: this holds no certificates"):
        certificates.signing()


def test_a_certificate_signed_by_itself_or_out_of_order_is_refused(folder):
    own(folder)
    key = ec.generate_private_key(ec.SECP256R1())
    alone = authority.make_certificate("Mine", key.public_key(), None, key, NOW, timedelta(days=9))
    chain = (folder / "chain.pem").read_text()
    (folder / "chain.pem").write_text(authority.pem(alone))
    (folder / "key.pem").write_text(authority.pem_key(key))
    with pytest.raises(LabError, match="signed by itself"):
        certificates.signing()
    own(folder)
    other = (folder / "chain.pem").read_text().split("-----END CERTIFICATE-----\n")[0] + "-----END CERTIFICATE-----\n"
    (folder / "chain.pem").write_text(
        other + chain.split("-----END CERTIFICATE-----\n")[1] + "-----END CERTIFICATE-----\n"
    )
    with pytest.raises(LabError, match="do not follow one another"):
        certificates.signing()


def test_a_known_file_that_holds_no_certificate_is_named(folder):
    (folder / "known").mkdir(parents=True)
    (folder / "known" / "Ada.pem").write_text("a letter")
    with pytest.raises(LabError, match=r"Ada\.pem: this holds no certificates"):
        certificates.anchors()


@pytest.mark.skipif(os.name != "posix", reason="file modes")
def test_a_key_that_others_can_read_is_warned_of(folder):
    own(folder)
    (folder / "key.pem").chmod(0o644)
    with pytest.warns(UserWarning, match="others on this machine can read this key"):
        certificates.signing()


def test_without_a_place_to_keep_it_a_certificate_serves_for_this_process(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv(certificates.ENVIRONMENT, str(tmp_path / "file" / "signing"))
    certificates.of_this_process.cache_clear()
    with pytest.warns(UserWarning, match="ends with this process"):
        found = certificates.signing()
    with pytest.warns(UserWarning, match="FACESWAP_LAB_SIGNING"):
        assert certificates.signing() == found and found.kind == "process"
    assert list(certificates.anchors()) == ["a certificate of this process"]
    certificates.of_this_process.cache_clear()
    assert not certificates.anchors()


def test_processes_that_make_it_at_once_agree(folder):
    code = "from faceswap_lab.provenance import certificates as c; c.signing(); print(c.signing().key)"
    run = [sys.executable, "-W", "error", "-c", code]
    started = [subprocess.Popen(run, stdout=subprocess.PIPE, text=True, cwd=ROOT) for _ in range(4)]
    keys = {process.communicate(timeout=60)[0] for process in started}
    assert len(keys) == 1 and [process.returncode for process in started] == [0] * 4
    assert [path.name for path in folder.iterdir()] == ["course"]
