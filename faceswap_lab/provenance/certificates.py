"""The certificate that outputs are signed with: the user's own where there is one, else a course certificate made here.

    SIGNING/chain.pem, key.pem      the user's own: the certificate with its chain, and the private key
    SIGNING/course/authority.pem    the course authority of this machine: pass it on, and others can check its signatures
    SIGNING/course/signing.pem      the course certificate with its key; renewed by itself when it has run out
    SIGNING/known/*.pem             authorities of others whose signatures count as known

SIGNING is the folder `signing` in the user's configuration, or what the environment's FACESWAP_LAB_SIGNING names. The
course certificate proves that a file is unchanged since it was signed, and on which machine's authority; not who sat there.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import shutil
import stat
import tempfile
import uuid
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import english
from faceswap_lab.provenance.authority import fill, leaf_pem, pem, pem_key, write_private

ENVIRONMENT = "FACESWAP_LAB_SIGNING"
_NAMES = (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME)  # by which a signer is called, the better one first
_CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}


@dataclass(frozen=True)
class Signing:
    """What a file is signed with.

    Args:
        chain: PEM, the signing certificate first, then those above it.
        key: PEM, PKCS #8, not encrypted.
        algorithm: as C2PA names it: es256, es384, es512, ps256 or ed25519.
        name: of the signer, as the certificate has it.
        starts, ends: between which the certificate is valid, UTC.
        kind: "own", "course" or "process" (a course certificate that ends with this process).
    """

    chain: str
    key: str
    algorithm: str
    name: str
    starts: datetime
    ends: datetime
    kind: str


def signing_folder() -> Path:
    """Where certificates and keys lie."""
    import platformdirs

    given = os.environ.get(ENVIRONMENT)
    return Path(given).expanduser() if given else Path(platformdirs.user_config_dir("faceswap_lab")) / "signing"


def signing(now: datetime | None = None) -> Signing:
    """The certificate and the key to sign with now.

    Args:
        now: UTC; None: the clock's.

    Raises:
        LabError: when the user's own certificate cannot be used (no key for it, run out, not valid yet, of a kind that C2PA
            does not know), or when the clock stands before the day that the course certificate was made.
    """
    folder, now = signing_folder(), now or datetime.now(UTC)
    if (folder / "chain.pem").exists() or (folder / "key.pem").exists():
        return _own(folder, now)
    try:
        return _course(folder, now)
    except _NotWritableError as error:
        warnings.warn(
            f"{error} The files are signed with a certificate that ends with this process: whoever checks them later is told "
            f"that the signer is unknown. Let {ENVIRONMENT} name a folder that can be written to.",
            stacklevel=2,
        )
        return of_this_process()


def anchors() -> dict[str, str]:
    """Whose signatures are known here.

    Returns:
        words for the signer -> PEM of the authority's certificate.

    Raises:
        LabError: when one of the files holds no certificate.
    """
    folder, found = signing_folder(), {}
    if (authority := folder / "course" / "authority.pem").is_file():
        found[english("the course certificate of this machine")] = pem(_certificates(authority)[0])
    if (chain := folder / "chain.pem").is_file():
        found[english("the certificate configured here")] = pem(_certificates(chain)[-1])
    if of_this_process.cache_info().currsize:
        found[english("a certificate of this process")] = of_this_process().chain.partition(
            "-----END CERTIFICATE-----\n"
        )[2]
    for path in sorted((folder / "known").glob("*.pem")):
        found[english("known here as {name}", name=path.stem)] = "".join(map(pem, _certificates(path)))
    return found


# -- the user's own --------------------------------------------------------------------------------------------------------
def _own(folder: Path, now: datetime) -> Signing:
    chain, key = folder / "chain.pem", folder / "key.pem"
    for path, other in ((chain, key), (key, chain)):
        if not path.is_file():
            raise LabError(f"{path}: missing, though {other.name} is there. Put both here, or neither.")
    found = _checked(_certificates(chain), _private_key(key), chain, now, "own")
    if now > found.ends:
        raise LabError(
            f"{chain}: this certificate ran out on {found.ends:%Y-%m-%d %H:%M} UTC. Put a new one in its place."
        )
    if os.name == "posix" and stat.S_IMODE(key.stat().st_mode) & 0o077:
        warnings.warn(f"{key}: others on this machine can read this key. Run: chmod 600 {key}", stacklevel=3)
    return found


def _certificates(path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        raise LabError(f"{path}: this holds no certificates in PEM ({error}). Export them again.") from error


def _private_key(path: Path):
    try:
        return serialization.load_pem_private_key(path.read_bytes(), None)
    except TypeError as error:
        raise LabError(
            f"{path}: this key has a password, which nobody can be asked for. Export it without one."
        ) from error
    except (OSError, ValueError) as error:
        raise LabError(f"{path}: this holds no private key in PEM ({error}). Export it again.") from error


def _checked(chain: list[x509.Certificate], key, path: Path, now: datetime, kind: str) -> Signing:
    """Holds a certificate, its chain and a key together; whether it has run out is the caller's to judge."""
    leaf = chain[0]
    if leaf.public_key() != key.public_key():
        raise LabError(
            f"{path}: the private key belongs to another certificate. Put the two that belong together here."
        )
    if leaf.issuer == leaf.subject:
        raise LabError(
            f"{path}: this certificate is signed by itself, which C2PA refuses. Use one that an authority signed."
        )
    for lower, upper in zip(chain, chain[1:], strict=False):
        try:
            lower.verify_directly_issued_by(upper)
        except (ValueError, TypeError, InvalidSignature) as error:
            raise LabError(
                f"{path}: its certificates do not follow one another. Put the signer's first, then upwards."
            ) from error
    starts, ends = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    if now < starts:
        raise LabError(
            f"{path}: this certificate is valid from {starts:%Y-%m-%d %H:%M} UTC, and this machine's clock says "
            f"{now:%Y-%m-%d %H:%M}. Set the clock."
            + ("" if kind == "own" else f" If it is right now, it was wrong then: remove {path.parent}.")
        )
    names = [one for oid in _NAMES for one in leaf.subject.get_attributes_for_oid(oid)]
    said = str(names[0].value) if names else leaf.subject.rfc4514_string()
    return Signing("".join(map(pem, chain)), pem_key(key), _algorithm(key, path), said, starts, ends, kind)


def _algorithm(key, path: Path) -> str:
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        return _CURVES[key.curve.name]
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= 2048:
        return "ps256"
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    raise LabError(
        f"{path}: C2PA does not know this kind of key. Use an elliptic curve (P-256) or RSA of 2048 bits or more."
    )


# -- the course's ----------------------------------------------------------------------------------------------------------
class _NotWritableError(Exception):
    """There is no course certificate that can be used, and none can be written."""


def _course(folder: Path, now: datetime) -> Signing:
    """The course certificate; made at the first use, renewed when it has run out."""
    course = folder / "course"
    for _ in range(2):
        if not (course / "authority.pem").is_file():
            _make_course(course, now)
        authority, key = _certificates(course / "authority.pem")[0], _private_key(course / "authority.key.pem")
        if now <= authority.not_valid_after_utc - timedelta(days=1):
            break
        _retire(course, authority)
    try:
        chain = _certificates(course / "signing.pem")
        found = _checked(chain, _private_key(course / "signing.pem"), course / "signing.pem", now, "course")
        if now < found.ends and chain[1:] == [authority]:
            return found
    except LabError:  # torn or of another authority: renewed, unless the clock is at fault, which the authority knows
        if now < authority.not_valid_before_utc:
            raise
    with _writing(course):
        write_private(course / "signing.pem", leaf_pem(authority, key, now))
    made = _certificates(course / "signing.pem")  # as it lies there: another process may have been last
    return _checked(made, _private_key(course / "signing.pem"), course / "signing.pem", now, "course")


@contextlib.contextmanager
def _writing(folder: Path):
    try:
        yield
    except (LabError, OSError) as error:
        raise _NotWritableError(f"{folder}: a course certificate cannot be kept here.") from error


def _make_course(course: Path, now: datetime) -> None:
    """Makes an authority and a first certificate, in one step: of two processes, the second takes what the first made."""
    with _writing(course):
        files.make_folder(course.parent)
        temporary = course.with_name(f"{files.PARTIAL}{uuid.uuid4().hex[:8]}-course")
        temporary.mkdir(mode=0o700)
        try:
            fill(temporary, now)
            try:
                os.rename(temporary, course)
            except OSError:
                if not (course / "authority.pem").is_file():
                    raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _retire(course: Path, authority: x509.Certificate) -> None:
    """Takes an authority that has run out out of use; what it signed stays known."""
    with _writing(course):
        mark = authority.fingerprint(hashes.SHA256()).hex()[:12]
        files.write_text(course.parent / "known" / f"earlier-course-{mark}.pem", pem(authority))
        shutil.rmtree(course)


@functools.lru_cache(maxsize=1)
def of_this_process() -> Signing:
    """A certificate that ends with this process, for where no other can be had: it proves no more than that nothing changed."""
    folder = Path(tempfile.mkdtemp(prefix="faceswap_lab-signing-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    now = datetime.now(UTC)
    fill(folder, now)
    path = folder / "signing.pem"
    return _checked(_certificates(path), _private_key(path), path, now, "process")
