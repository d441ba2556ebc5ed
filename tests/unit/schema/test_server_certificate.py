# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that an operator brings: each way in which people get one wrong, and what they are told."""

from __future__ import annotations

import base64
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.schema.nodes import Refused
from ansible_collections.latentum.ops.plugins.module_utils.schema.server_certificate import Pair, Wrong, pem, problems_of, read_certificates
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID

from .certificate_authority import NAMES, Authority, Issued, company, issue, pem_of


@pytest.fixture(scope="module")
def authority() -> Authority:
    """One company for all tests."""
    return company()


def judged(authority: Authority, chain: bytes | None = None, key: bytes | None = None, **more: object) -> list[Wrong]:
    """What is wrong with a pair, where the company's root is known."""
    given = {"ca": authority.root.pem, "names": NAMES, **more}
    shown, secret = authority.chain if chain is None else chain, authority.site.key_pem if key is None else key
    return problems_of(Pair(shown, key=secret, **given))  # type: ignore[arg-type]  # by name


def one(found: list[Wrong]) -> Wrong:
    """The only thing that is wrong."""
    (wrong,) = found
    return wrong


def test_a_good_pair_has_nothing_wrong(authority: Authority) -> None:
    assert judged(authority) == []
    assert judged(authority, authority.chain + authority.root.pem) == [], "the root may be there"
    assert judged(authority, key=pem_of(authority.site.key, serialization.PrivateFormat.TraditionalOpenSSL)) == []
    assert problems_of(Pair(authority.chain, NAMES)) == [], "without a key, and without knowing whom clients trust"
    windows = b"\xef\xbb\xbfBag Attributes\r\n" + authority.chain.replace(b"\n", b"\r\n")
    assert judged(authority, windows) == []
    assert pem(windows, "chain") == authority.chain, "nginx gets neither a comment nor another line end"


def test_a_key_with_the_parameters_of_its_curve_before_it(authority: Authority) -> None:
    """As `openssl ecparam -genkey` writes it."""
    parameters = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    key = pem_of(authority.site.key, serialization.PrivateFormat.TraditionalOpenSSL)
    assert judged(authority, key=parameters + key) == [] and pem(parameters + key, "key").startswith(b"-----BEGIN EC PRIVATE")


def test_a_key_of_another_certificate(authority: Authority) -> None:
    wrong = one(judged(authority, key=company().site.key_pem))
    assert (wrong.part, "does not fit the certificate of CN=app.example.com" in wrong.problem) == ("key", True)


def test_the_order(authority: Authority) -> None:
    reversed_chain = authority.intermediate.pem + authority.site.pem
    for key in (authority.site.key_pem, b""):
        found = problems_of(Pair(reversed_chain, NAMES, key or None))
        assert one(found).problem == "is in the wrong order"
        assert one(found).fix.endswith("in this order: CN=app.example.com; CN=Company Issuing")
    middle = authority.site.pem + authority.root.pem + authority.intermediate.pem
    assert one(judged(authority, middle)).fix.endswith("CN=app.example.com; CN=Company Issuing; CN=Company Root")


def test_a_stray_certificate(authority: Authority) -> None:
    wrong = one(judged(authority, authority.site.pem + company().intermediate.pem))
    assert "CN=Company Issuing, which has issued none of the others" in wrong.problem, "of the same name, and another key"
    assert "was issued by CN=Company Issuing" in wrong.problem
    assert "twice" in one(judged(authority, authority.site.pem + authority.chain)).problem


def test_a_chain_that_ends_too_early(authority: Authority) -> None:
    """The most frequent of all: browsers that know the intermediate from elsewhere hide it."""
    wrong = one(judged(authority, authority.site.pem))
    assert "ends with CN=app.example.com, issued by CN=Company Issuing, and not by the authority of ca (CN=Company Root)" in wrong.problem
    trusted = [authority.root.certificate]
    short = Pair(authority.site.pem, NAMES, trusted=lambda: trusted)
    wrong = one(problems_of(short))
    assert (
        "neither in it nor trusted by this host" in wrong.problem
        and "intermediate or bundle" in wrong.fix
        and "write it as ca" in wrong.fix
    )
    assert problems_of(Pair(authority.chain, NAMES, trusted=lambda: trusted)) == []
    assert problems_of(Pair(authority.chain, NAMES, trusted=lambda: [company().root.certificate])) != [], "a root of the same name"


def test_an_origin_certificate_without_an_intermediate(authority: Authority) -> None:
    """As Cloudflare issues them: the root, which no client but Cloudflare has, signs it directly."""
    origin = issue("CloudFlare Origin Certificate", authority.root, names=["*.example.com", "example.com"])
    pair = Pair(origin.pem, ["app.example.com", "example.com"], origin.key_pem, trusted=list)
    assert "Cloudflare's origin certificates, write it as ca" in one(problems_of(pair)).fix
    assert problems_of(Pair(pair.chain, pair.names, pair.key, authority.root.pem, list)) == []


def test_one_that_signed_itself() -> None:
    own = issue("app.example.com", names=NAMES)
    assert "signed by itself" in one(problems_of(Pair(own.pem, NAMES, own.key_pem, trusted=list))).problem
    assert problems_of(Pair(own.pem, NAMES, own.key_pem, ca=own.pem, trusted=list)) == []


def test_names(authority: Authority) -> None:
    wrong = one(judged(authority, names=[*NAMES, "shop.example.com"]))
    assert wrong.problem == "is not for shop.example.com, but for app.example.com, www.app.example.com"
    wild = issue("wild", authority.intermediate, names=["*.Example.com"])
    chain = wild.pem + authority.intermediate.pem
    assert judged(authority, chain, wild.key_pem, names=["app.example.com"]) == []
    for name in ("example.com", "a.app.example.com"):
        assert "is not for" in one(judged(authority, chain, wild.key_pem, names=[name])).problem, "a wildcard is one label"
    common = issue("app.example.com", authority.intermediate)
    assert "subjectAltName" in one(judged(authority, common.pem + authority.intermediate.pem, common.key_pem)).problem


def test_dates(authority: Authority) -> None:
    for days, text in (((-9, -1), "which has expired"), ((2, 90), "which is not valid before")):
        site = issue("app.example.com", authority.intermediate, names=NAMES, days=days)
        chain = site.pem + authority.intermediate.pem
        assert text in one(judged(authority, chain, site.key_pem)).problem
        assert problems_of(Pair(chain, NAMES, site.key_pem), dates=False) == []
    later = problems_of(Pair(authority.chain, NAMES), time.time() + 2000 * 86400)
    assert len(later) == 2 and "Company Issuing" in later[1].problem, "an intermediate expires as well"


def test_weak_ones(authority: Authority) -> None:
    small = issue("app.example.com", authority.intermediate, names=NAMES, key=rsa.generate_private_key(65537, 1024))  # noqa: S505  # is refused
    assert "weak (RSA, 1024 bits)" in one(judged(authority, small.pem + authority.intermediate.pem, small.key_pem)).problem
    for key in (ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP521R1())):
        strange = issue("app.example.com", authority.intermediate, names=NAMES, key=key)
        assert "browsers do not have" in one(judged(authority, strange.pem + authority.intermediate.pem, strange.key_pem)).problem


def test_signed_by_sha1(tmp_path: Path) -> None:
    """cryptography signs so no more; openssl does."""

    def run(*argv: str) -> None:
        subprocess.run(["openssl", *argv], cwd=tmp_path, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    run("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Old Root", "-days", "30")
    run("req", *key, "-keyout", "site.key", "-out", "site.csr", "-subj", "/CN=app.example.com")
    (tmp_path / "names").write_text("subjectAltName=DNS:app.example.com\n")
    argv = (
        "x509",
        "-req",
        "-in",
        "site.csr",
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-out",
        "site.pem",
        "-sha1",
        "-days",
        "9",
    )
    run(*argv, "-extfile", "names")
    pair = Pair((tmp_path / "site.pem").read_bytes(), NAMES[:1], (tmp_path / "site.key").read_bytes(), (tmp_path / "ca.pem").read_bytes())
    assert "signed by SHA1" in one(problems_of(pair)).problem


@pytest.mark.parametrize(
    ("extension", "text"),
    [
        (x509.TLSFeature([x509.TLSFeatureType.status_request]), "must-staple"),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), "not for servers"),
    ],
)
def test_extensions_that_clients_take_seriously(authority: Authority, extension: x509.ExtensionType, text: str) -> None:
    site = issue("app.example.com", authority.intermediate, names=NAMES, extensions=[extension])
    assert text in one(judged(authority, site.pem + authority.intermediate.pem, site.key_pem)).problem


def test_the_authority_in_place_of_the_site(authority: Authority) -> None:
    wrong = judged(authority, authority.intermediate.pem, authority.intermediate.key_pem)
    assert any("which is an authority" in each.problem for each in wrong)


def der(issued: Issued) -> bytes:
    return issued.certificate.public_bytes(serialization.Encoding.DER)


def pfx(issued: Issued) -> bytes:
    return pkcs12.serialize_key_and_certificates(
        b"app", issued.key, issued.certificate, None, serialization.BestAvailableEncryption(b"secret")
    )


def p7b(form: serialization.Encoding) -> Callable[[Issued], bytes]:
    return lambda issued: pkcs7.serialize_certificates([issued.certificate], form)


def key_der(issued: Issued) -> bytes:
    hidden = serialization.NoEncryption()
    encoded: bytes = issued.key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, hidden)
    return encoded


FORMATS: list[tuple[str, str, Callable[[Issued], bytes], str, str]] = [
    ("DER", "chain", der, "is DER", "openssl x509 -inform DER"),
    ("DER key", "key", key_der, "is DER", "openssl pkey -inform DER"),
    ("PKCS#12", "chain", pfx, "is PKCS#12", "openssl pkcs12 -in FILE -nokeys"),
    ("PKCS#12 as key", "key", pfx, "is PKCS#12", "openssl pkcs12 -in FILE -nocerts -nodes"),
    ("PKCS#12 in base64", "chain", lambda issued: base64.encodebytes(pfx(issued)), "is PKCS#12", "base64 -d"),
    ("PKCS#7", "chain", p7b(serialization.Encoding.DER), "is PKCS#7", "openssl pkcs7 -inform DER -print_certs"),
    ("PKCS#7 as text", "chain", p7b(serialization.Encoding.PEM), "is PKCS#7", "openssl pkcs7 -print_certs"),
    ("key store", "chain", lambda _issued: b"\xfe\xed\xfe\xed\0\0", "key store of Java", "keytool -importkeystore"),
    ("base64 alone", "chain", lambda issued: base64.encodebytes(der(issued)), "without its first and last line", "BEGIN CERTIFICATE"),
    ("empty", "chain", lambda _issued: b" \n", "is empty", "in PEM"),
    ("a path", "chain", lambda _issued: b"/etc/ssl/app.pem", "is not a certificate in PEM", "begins with -----BEGIN"),
    ("key in the chain", "chain", lambda issued: issued.pem + issued.key_pem, "holds a private key", "a new one"),
    ("certificate as key", "key", lambda issued: issued.pem, "has no private key in it, but CERTIFICATE", "BEGIN PRIVATE KEY"),
    ("two keys", "key", lambda issued: issued.key_pem * 2, "has 2 private keys", "first certificate only"),
    ("encrypted", "key", lambda issued: pem_of(issued.key, password=b"x"), "is encrypted", "openssl pkey -in FILE"),
    (
        "encrypted, old form",
        "key",
        lambda issued: pem_of(issued.key, serialization.PrivateFormat.TraditionalOpenSSL, b"x"),
        "is encrypted",
        "openssl pkey",
    ),
    (
        "request",
        "chain",
        lambda _issued: b"-----BEGIN CERTIFICATE REQUEST-----\nAA==\n-----END CERTIFICATE REQUEST-----\n",
        "is a request",
        "what the authority has sent",
    ),
    (
        "trusted",
        "chain",
        lambda _issued: b"-----BEGIN TRUSTED CERTIFICATE-----\nAA==\n-----END TRUSTED CERTIFICATE-----\n",
        "OpenSSL's own",
        "openssl x509",
    ),
    ("public key", "key", lambda _issued: b"-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----\n", "but PUBLIC KEY", "PRIVATE KEY"),
]


@pytest.mark.parametrize(("part", "made", "problem", "fix"), [case[1:] for case in FORMATS], ids=[case[0] for case in FORMATS])
def test_another_format_is_named_with_the_command(
    authority: Authority, part: str, made: Callable[[Issued], bytes], problem: str, fix: str
) -> None:
    with pytest.raises(Refused) as refused:
        pem(made(authority.site), part)
    assert problem in refused.value.problem and fix in refused.value.fix
    assert "PRIVATE KEY-----\nM" not in f"{refused.value.problem}{refused.value.fix}", "nothing of a key is shown"


def test_what_cannot_be_read_is_not_shown(authority: Authority) -> None:
    broken = b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0LXZhbHVl\n-----END PRIVATE KEY-----\n"
    wrong = one(judged(authority, key=broken))
    assert wrong.part == "key" and "c2VjcmV0" not in f"{wrong.problem}{wrong.fix}" and "secret-value" not in f"{wrong.problem}{wrong.fix}"
    with pytest.raises(Refused, match="certificate 1 in it cannot be read"):
        read_certificates(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
