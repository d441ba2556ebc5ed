# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small authority for the hosts of one inventory: it signs for names that the controller gives, and is replaced without a moment in
which two hosts do not know each other.

    FOLDER/1.pem, 1.key      the authority of generation 1; only the one that signs, or is to sign, has a key
    FOLDER/authority.json    which of them signs, and what each host has and trusts

A new one *comes*: hosts trust it, and it signs nothing. Once all hosts of the inventory trust it, it *signs*, and the key of the one before
is removed. That one *goes* once every host has a certificate of the new one. Each step is a run; hosts that a run does not reach hold the
next step up, and nothing else.

There is no list of revoked certificates: whoever asks has to have a name of the inventory's that may ask (nginx of role exporters, rsyslogd
of role log_shipping), so a host that left is refused with the next run. A list would have to be on all hosts, and expires itself.
"""

from __future__ import annotations

import ipaddress
import json
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta, timezone
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..contracts.host_certificates import AuthorityTerms, CertificateRequest, is_address
from ..core.atomic_files import read_text, write_atomic
from ..core.locks import file_lock
from ..schema.server_certificate import moment, read_certificates
from .certificates import DAY, CertificateError

if TYPE_CHECKING:
    from cryptography import x509

VERSION = 1
STATE = "authority.json"
ORGANIZATION = "latentum.ops"
SKEW = 3600  # seconds by which clocks of hosts may differ; a certificate begins so much before it is made
_DAMAGED = "bring the folder back from a backup, or write a larger host_certificates_generation: then a new authority signs at once"


class Phase(str, Enum):
    """What an authority does."""

    COMES = "comes"
    SIGNS = "signs"
    GOES = "goes"


@dataclass(frozen=True)
class Generation:
    """One authority; ``ends`` in seconds since the epoch."""

    number: int
    fingerprint: str
    phase: Phase
    begins: float
    ends: float
    constraints: tuple[str, ...] = ()

    def old(self, now: float) -> bool:
        """Less than a third of its days is left."""
        return self.ends - now < (self.ends - self.begins) / 3


@dataclass(frozen=True)
class Member:
    """What a host has, as it was last seen."""

    issuer: str
    trusts: tuple[str, ...]
    serial: str = ""
    ends: float = 0


@dataclass
class Signed:
    """What a run did.

    :param certificates: PEM by host, of those that asked for one.
    :param bundle: all authorities that hosts have to trust, PEM, the one that signs first.
    :param steps: what was, or in check mode would be, done, a sentence each.
    :param waiting: hosts that hold the next step of a replacement up.
    """

    certificates: dict[str, str] = field(default_factory=dict)
    bundle: str = ""
    steps: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    generation: int = 0
    begins: float = 0
    ends: float = 0


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of a certificate, in hexadecimal."""
    from cryptography.hazmat.primitives import hashes

    return certificate.fingerprint(hashes.SHA256()).hex()


class Authority:
    """The authorities of one inventory, in a folder that nobody but its owner reads."""

    def __init__(self, folder: Path, now: float | None = None) -> None:
        self.folder, self.now = folder, time.time() if now is None else now
        self.generations: list[Generation] = []
        self.members: dict[str, Member] = {}
        self._made: dict[int, tuple[bytes, bytes]] = {}  # certificate and key of those that are made in this run
        self._load()

    def sign(
        self, requests: Sequence[CertificateRequest], members: Collection[str], terms: AuthorityTerms, *, check_mode: bool = False
    ) -> Signed:
        """Certificates for the hosts that ask, and one step of a replacement where it is due.

        :param requests: of the hosts of this run.
        :param members: all hosts of the inventory that have such certificates; what is known of others is forgotten.
        :raises CertificateError: nothing was signed and nothing was changed.
        """
        signed = Signed()
        self._refuse(requests, terms)
        before = (list(self.generations), dict(self.members))
        self._seen(requests, members)
        self._step(members, terms, signed)
        signing = self._one(Phase.SIGNS)
        for request in requests:
            if request.due or request.issuer != signing.fingerprint:
                signed.steps.append(f"sign for {request.host}")
                if not check_mode:
                    signed.certificates[request.host] = self._sign(request, signing, terms)
        if (self.generations, self.members) != before and not check_mode:
            self._save()
        signed.bundle = "" if check_mode and self._made else self._bundle()
        signed.generation, signed.begins, signed.ends = signing.number, signing.begins, signing.ends
        return signed

    # What is refused

    def _refuse(self, requests: Sequence[CertificateRequest], terms: AuthorityTerms) -> None:
        """:raises CertificateError: all that is wrong, together."""
        problems = [
            *self._foreign(requests, terms),
            *self._clocks(requests),
            *self._gone(terms),
            *self._twice(requests),
            *self._unconstrained(requests, terms),
        ]
        if problems:
            raise CertificateError("\n".join(["certificates of hosts: nothing was signed:", *problems]))

    def _foreign(self, requests: Sequence[CertificateRequest], terms: AuthorityTerms) -> Iterable[str]:
        """Hosts that trust others already, and nothing here knows of them: the folder is not where it was."""
        if self.generations:
            return
        strangers = [request for request in requests if request.trusts]
        newest = max((request.newest for request in strangers), default=0)
        if strangers and terms.generation <= newest:
            names = ", ".join(request.host for request in strangers)
            yield (
                f"host_certificates_authority_host: {names} trust an authority of generation {newest}, and {self.folder} here holds none:"
                " name the host that has it, bring the folder back from a backup, or, where it is lost or its key was stolen, write"
                f" host_certificates_generation: {newest + 1}, and run for all hosts: they do not know each other meanwhile"
            )

    def _clocks(self, requests: Sequence[CertificateRequest]) -> Iterable[str]:
        for request in requests:
            off = request.clock - self.now if request.clock else 0
            if abs(off) > SKEW:
                yield (
                    f"{request.host}: its clock is {abs(off) / 60:.0f} minutes {'ahead of' if off > 0 else 'behind'} that of the authority:"
                    " a certificate would be valid for one of them alone. Correct it (timedatectl; role base brings a time service)"
                )

    def _gone(self, terms: AuthorityTerms) -> Iterable[str]:
        """A key that is lost, or an authority that ended: nothing can be signed by it."""
        if not self.generations:
            return
        signing = self._one(Phase.SIGNS)
        newest = max(generation.number for generation in self.generations)
        if terms.generation > newest:
            return
        if not self._key_file(signing.number).exists():
            yield f"{self._key_file(signing.number)} is gone: {_DAMAGED} ({newest + 1})"
        elif signing.ends <= self.now:
            yield f"{self._file(signing.number)} has expired: write host_certificates_generation: {newest + 1}, and run for all hosts"

    @staticmethod
    def _twice(requests: Sequence[CertificateRequest]) -> Iterable[str]:
        """An address belongs to one host: who has the key of another could speak for it."""
        owner: dict[str, str] = {}
        for request in requests:
            for name in dict.fromkeys((request.host, *request.addresses)):
                if owner.setdefault(name.lower(), request.host) != request.host:
                    yield (
                        f"{request.host}: {name} is an address or name of {owner[name.lower()]} as well: write another ops_address for"
                        " one of them (two names of one machine: keep one of them in the inventory)"
                    )

    def _unconstrained(self, requests: Sequence[CertificateRequest], terms: AuthorityTerms) -> Iterable[str]:
        newest = max(self.generations, key=lambda generation: generation.number, default=None)
        if newest and newest.number >= terms.generation and newest.constraints != terms.constraints:
            yield (
                f"host_certificates_constraints: the authority of generation {newest.number} was made with"
                f" {', '.join(newest.constraints) or 'none'}: write the same, or host_certificates_generation: {newest.number + 1}"
            )
        for request in requests:
            for name in dict.fromkeys((request.host, *request.addresses)):
                if not _within(name, terms.constraints):
                    yield f"host_certificates_constraints: {name} of {request.host} is in none of {', '.join(terms.constraints)}: add it"

    # Replacement

    def _seen(self, requests: Sequence[CertificateRequest], members: Collection[str]) -> None:
        """What hosts have now; those that have left the inventory hold nothing up."""
        for request in requests:
            known = self.members.get(request.host, Member("", ()))
            self.members[request.host] = replace(known, issuer=request.issuer, trusts=tuple(sorted(request.trusts)))
        present = {*members, *(request.host for request in requests)}
        self.members = {host: member for host, member in sorted(self.members.items()) if host in present}

    def _step(self, members: Collection[str], terms: AuthorityTerms, signed: Signed) -> None:
        if not self.generations:
            self._make(terms.generation, Phase.SIGNS, terms, signed)
            return
        signing, coming = self._one(Phase.SIGNS), self._first(Phase.COMES)
        newest = max(generation.number for generation in self.generations)
        if terms.generation > newest:
            lost = not self._key_file(signing.number).exists() or signing.ends <= self.now
            if lost:
                self._turn(signing.number, Phase.GOES)
            # One that was to come is overtaken.
            self.generations = [generation for generation in self.generations if generation.phase is not Phase.COMES]
            self._make(terms.generation, Phase.SIGNS if lost else Phase.COMES, terms, signed)
        elif coming:
            signed.waiting = [host for host in sorted(members) if coming.fingerprint not in self.members.get(host, Member("", ())).trusts]
            if not signed.waiting:
                self._turn(signing.number, Phase.GOES)
                self._turn(coming.number, Phase.SIGNS)
                signed.steps.append(f"sign by generation {coming.number} from now on, which every host trusts")
        elif self._first(Phase.GOES):
            signed.waiting = [host for host in sorted(members) if self.members.get(host, Member("", ())).issuer != signing.fingerprint]
            if not signed.waiting:
                going = [generation.number for generation in self.generations if generation.phase is Phase.GOES]
                self.generations = [generation for generation in self.generations if generation.phase is not Phase.GOES]
                signed.steps.append(f"have generation {', '.join(map(str, going))} trusted no more, by which no host has a certificate")
        elif signing.old(self.now):
            self._make(newest + 1, Phase.COMES, terms, signed)

    def _make(self, number: int, phase: Phase, terms: AuthorityTerms, signed: Signed) -> None:
        certificate, key = _self_signed(number, terms, self.now)
        self._made[number] = (certificate, key)
        parsed = read_certificates(certificate)[0]
        begins, ends = moment(parsed, "not_valid_before"), moment(parsed, "not_valid_after")
        self.generations.append(Generation(number, fingerprint(parsed), phase, begins, ends, terms.constraints))
        signed.steps.append(
            f"make an authority, generation {number}" + (", that hosts trust before it signs" if phase is Phase.COMES else "")
        )

    def _turn(self, number: int, phase: Phase) -> None:
        self.generations = [
            replace(generation, phase=phase) if generation.number == number else generation for generation in self.generations
        ]

    def _first(self, phase: Phase) -> Generation | None:
        return next((generation for generation in self.generations if generation.phase is phase), None)

    def _one(self, phase: Phase) -> Generation:
        generation = self._first(phase)
        if generation is None:
            raise CertificateError(f"{self.folder / STATE} names no authority that {phase.value}: {_DAMAGED}")
        return generation

    # Signatures

    def _sign(self, request: CertificateRequest, signing: Generation, terms: AuthorityTerms) -> str:
        from cryptography import x509
        from cryptography.hazmat.primitives import serialization

        try:
            csr = x509.load_pem_x509_csr(request.csr.encode())
            if not csr.is_signature_valid:
                raise ValueError("it is not signed by its own key")
        except ValueError as error:
            raise CertificateError(f"{request.host}: its request cannot be read: {error}") from None
        certificate = self._certificate(signing.number)
        key: Any = serialization.load_pem_private_key(self._key(signing.number), None)
        ends = min(self.now + terms.days * DAY, signing.ends)
        leaf = _leaf(request, csr.public_key(), certificate, key, (self.now - SKEW, ends))
        self.members[request.host] = replace(self.members[request.host], serial=f"{leaf.serial_number:x}", ends=ends)
        return leaf.public_bytes(serialization.Encoding.PEM).decode()

    def _bundle(self) -> str:
        order = {Phase.SIGNS: 0, Phase.COMES: 1, Phase.GOES: 2}
        ordered = sorted(self.generations, key=lambda generation: (order[generation.phase], -generation.number))
        return "".join(self._pem(generation.number).decode() for generation in ordered)

    def _certificate(self, number: int) -> x509.Certificate:
        return read_certificates(self._pem(number))[0]

    def _pem(self, number: int) -> bytes:
        return self._made[number][0] if number in self._made else self._file(number).read_bytes()

    def _key(self, number: int) -> bytes:
        return self._made[number][1] if number in self._made else self._key_file(number).read_bytes()

    # Files

    def _file(self, number: int) -> Path:
        return self.folder / f"{number}.pem"

    def _key_file(self, number: int) -> Path:
        return self.folder / f"{number}.key"

    def _load(self) -> None:
        text = read_text(self.folder / STATE)
        if text is None:
            if left := sorted(self.folder.glob("*.key")):
                raise CertificateError(
                    f"{self.folder / STATE} is gone, and {left[0].name} is there: {_DAMAGED}, after the folder is emptied"
                )
            return
        try:
            state = json.loads(text)
            if state["version"] > VERSION:
                raise CertificateError(f"{self.folder / STATE} is of a newer version of the collection: update it where this runs from")
            self.generations = [
                Generation(
                    int(raw["number"]),
                    str(raw["fingerprint"]),
                    Phase(raw["phase"]),
                    float(raw["begins"]),
                    float(raw["ends"]),
                    tuple(raw.get("constraints") or ()),
                )
                for raw in state["generations"]
            ]
            self.members = {
                host: Member(raw["issuer"], tuple(raw["trusts"]), raw.get("serial", ""), raw.get("ends", 0))
                for host, raw in state["hosts"].items()
            }
        except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
            raise CertificateError(f"{self.folder / STATE} is damaged ({error}): {_DAMAGED}") from None

    def _save(self) -> None:
        """Keys first: what the state names is there."""
        uid, gid = _owner(self.folder)
        for number, (certificate, key) in self._made.items():
            write_atomic(self._key_file(number), key, 0o600, uid, gid)
            write_atomic(self._file(number), certificate, 0o644, uid, gid)
        state = {
            "version": VERSION,
            "generations": [{**asdict(generation), "phase": generation.phase.value} for generation in self.generations],
            "hosts": {host: asdict(member) for host, member in self.members.items()},
        }
        write_atomic(self.folder / STATE, json.dumps(state, indent=2) + "\n", 0o600, uid, gid)
        # What signs no more is only to be stolen.
        keep = {generation.number for generation in self.generations if generation.phase is not Phase.GOES}
        known = {generation.number for generation in self.generations}
        for path in self.folder.glob("[0-9]*.*"):
            wanted = keep if path.suffix == ".key" else known
            if path.suffix in (".key", ".pem") and path.stem.isdigit() and int(path.stem) not in wanted:
                path.unlink()


def sign(
    folder: Path,
    requests: Sequence[CertificateRequest],
    members: Collection[str],
    terms: AuthorityTerms,
    *,
    check_mode: bool = False,
    now: float | None = None,
) -> Signed:
    """The same in a folder, which is made where there is none; one run at a time.

    :raises CertificateError: nothing was signed and nothing was changed.
    :raises OSError: the folder cannot be read or written.
    """
    if folder.is_symlink():
        raise CertificateError(f"{folder} is a link: write the folder itself, which only its owner may read")
    if check_mode:
        return Authority(folder, now).sign(requests, members, terms, check_mode=True)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    with file_lock(folder, timeout=120):
        return Authority(folder, now).sign(requests, members, terms)


def _owner(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_uid, status.st_gid


def _self_signed(number: int, terms: AuthorityTerms, now: float) -> tuple[bytes, bytes]:
    """An authority that signs no other one. Its name is its own: programs find an issuer by name first."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    serial = x509.random_serial_number()
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANIZATION),
            x509.NameAttribute(NameOID.COMMON_NAME, f"hosts {number} {serial & 0xFFFFFFFF:08x}"),
        ]
    )
    builder = (
        _builder(name, name, key.public_key(), serial, (now - SKEW, now + terms.authority_days * DAY))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if terms.constraints:
        builder = builder.add_extension(_permitted(terms.constraints), critical=True)
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM), private


def _leaf(request: CertificateRequest, public: Any, issuer: x509.Certificate, key: Any, validity: tuple[float, float]) -> x509.Certificate:
    """A certificate for the host's names, of clients and servers alike: a host asks others, and is asked."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, request.host)])
    names: list[x509.GeneralName] = [
        x509.IPAddress(ipaddress.ip_address(name)) if is_address(name) else x509.DNSName(name)
        for name in dict.fromkeys((request.host, *request.addresses))
    ]
    return (
        _builder(subject, issuer.subject, public, x509.random_serial_number(), validity)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        # Clients of Go and browsers look at these alone, never at the common name.
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()), critical=False)  # type: ignore[arg-type]
        .sign(key, hashes.SHA256())
    )


def _builder(subject: Any, issuer: Any, public: Any, serial: int, validity: tuple[float, float]) -> x509.CertificateBuilder:
    from cryptography import x509

    begin, end = (datetime.fromtimestamp(int(stamp), timezone.utc) for stamp in validity)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(serial)
        .not_valid_before(begin)
        .not_valid_after(max(end, begin + timedelta(seconds=1)))
    )


def _usage(*, authority: bool) -> x509.KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _permitted(constraints: Iterable[str]) -> x509.NameConstraints:
    """Of a kind that none is permitted of, all would be: so nothing of it is, where only the other kind is given."""
    from cryptography import x509

    permitted: list[x509.GeneralName] = []
    for text in constraints:
        network = _network(text)
        permitted.append(x509.IPAddress(network) if network else x509.DNSName(text))
    excluded: list[x509.GeneralName] = []
    if not any(isinstance(name, x509.IPAddress) for name in permitted):
        excluded += [x509.IPAddress(ipaddress.ip_network(everything)) for everything in ("0.0.0.0/0", "::/0")]
    return x509.NameConstraints(permitted_subtrees=permitted, excluded_subtrees=excluded or None)


def _network(text: str) -> Any:
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        return None


def _within(name: str, constraints: Sequence[str]) -> bool:
    """The constraints, which may be none, admit a name or an address."""
    if not constraints:
        return True
    if is_address(name):
        address = ipaddress.ip_address(name)
        return any(network is not None and address in network for network in map(_network, constraints))
    lowered = name.lower()
    return any(lowered == text.lower() or lowered.endswith(f".{text.lower()}") for text in constraints if _network(text) is None)
