"""The course's own authority: makes keys and certificates as C2PA wants them."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from faceswap_lab.base import files

AUTHORITY_YEARS, LEAF_DAYS = 10, 365
COURSE_NAME = "faceswap_lab course certificate"
_AUTHORITY_NAME = "faceswap_lab course authority"
_SAYS = "proves that a file is unchanged since, not who made it"
_EARLIER = timedelta(hours=1)  # clocks of two machines differ a little


def fill(folder: Path, now: datetime) -> None:
    """Makes an authority and a first certificate in a folder: authority.pem, authority.key.pem, signing.pem."""
    key = ec.generate_private_key(ec.SECP256R1())
    authority = make_certificate(
        _AUTHORITY_NAME, key.public_key(), None, key, now, timedelta(days=365 * AUTHORITY_YEARS)
    )
    write_private(folder / "authority.key.pem", pem_key(key))
    write_private(folder / "signing.pem", leaf_pem(authority, key, now))
    files.write_text(folder / "authority.pem", pem(authority))


def leaf_pem(authority: x509.Certificate, authority_key, now: datetime) -> str:
    """PEM of a new key, its certificate and the authority's."""
    key = ec.generate_private_key(ec.SECP256R1())
    made = make_certificate(COURSE_NAME, key.public_key(), authority, authority_key, now, timedelta(days=LEAF_DAYS))
    return pem_key(key) + pem(made) + pem(authority)


def make_certificate(name: str, public_key, authority: x509.Certificate | None, key, now: datetime, length: timedelta):
    """A certificate as the C2PA specification wants it (2.2, "X.509 certificates").

    Args:
        name: its common name.
        public_key: what it certifies.
        authority: who issues it; None makes an authority.
        key: the issuer's private key.
        now: UTC; it is valid from an hour before.
        length: of its validity; never beyond the authority's.
    """
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "faceswap_lab course"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, _SAYS),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )
    top = authority is None
    ends = now + length if authority is None else min(now + length, authority.not_valid_after_utc)
    usage = x509.KeyUsage(
        digital_signature=not top, key_cert_sign=top, crl_sign=top, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if authority is None else authority.subject)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=top, path_length=0 if top else None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
    )
    if not top:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
    return builder.sign(key, hashes.SHA256())


def pem(certificate: x509.Certificate) -> str:
    """A certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def pem_key(key) -> str:
    """A private key as PEM, PKCS #8, not encrypted."""
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain).decode()


def write_private(path: Path, text: str) -> None:
    """Writes a file that only its owner can read, in one step."""
    with files.atomic_path(path) as temporary:
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(text)
