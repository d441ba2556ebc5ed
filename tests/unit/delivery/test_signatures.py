# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signatures: what each provider signs is taken, and nothing else is; a call is known again however it is dressed."""

from __future__ import annotations

import hmac
import json
import shutil
import subprocess
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.delivery import signatures
from ansible_collections.latentum.ops.plugins.module_utils.delivery.signatures import Call, Unsigned, verify

from .samples import CALLS, GENERIC, GITHUB_PUSH, NOW, OLD, SECRET, signed

PROVIDERS = tuple(CALLS)
SIGNATURES = {
    "github": "x-hub-signature-256",
    "gitlab": "x-gitlab-token",
    "gitea": "x-gitea-signature",
    "registry": "authorization",
    "generic": "x-deliver-signature",
}


def number(provider: str, document: Any = None, *, known: tuple[str, ...] = (SECRET,), at: float = NOW, **more: Any) -> str:
    return verify(provider, Call(*signed(provider, CALLS[provider] if document is None else document, **more)), known, at)


def test_what_github_itself_gives_as_an_example_is_taken() -> None:
    """Source: GitHub, "Validating webhook deliveries", "Testing the webhook payload validation"."""
    headers = {"x-hub-signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"}
    assert verify("github", Call(headers, b"Hello, World!"), ["It's a Secret to Everybody"], NOW)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_signed_call_has_the_same_number_each_time(provider: str) -> None:
    assert number(provider) == number(provider) and len(number(provider)) == 32


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_secret_that_is_rotated_is_good_beside_the_new_one(provider: str) -> None:
    assert number(provider, secret=OLD, known=(SECRET, OLD)) == number(provider, secret=OLD, known=(OLD,))


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("known", [(), ("",), ("short",), ("another-secret-altogether",), (SECRET.upper(),)])
def test_a_call_that_no_secret_signs_is_refused(provider: str, known: tuple[str, ...]) -> None:
    """Also where there is none: an empty secret signs nothing."""
    with pytest.raises(Unsigned):
        number(provider, known=known)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    "given", [None, "", "sha256=", "sha1=" + "0" * 40, "0" * 64, "sha256=" + "0" * 63, "sha256=" + "é" * 64, "Bearer", "Basic eA=="]
)
def test_a_signature_that_is_missing_or_none(provider: str, given: str | None) -> None:
    headers, body = signed(provider, CALLS[provider])
    del headers[SIGNATURES[provider]]
    with pytest.raises(Unsigned):
        verify(provider, Call(headers if given is None else {**headers, SIGNATURES[provider]: given}, body), [SECRET], NOW)


@pytest.mark.parametrize("provider", ["github", "gitea", "generic"])
def test_a_body_that_was_changed_is_refused(provider: str) -> None:
    headers, body = signed(provider, CALLS[provider])
    with pytest.raises(Unsigned):
        verify(provider, Call(headers, body + b" "), [SECRET], NOW)


def test_the_name_of_a_delivery_is_not_signed_and_so_makes_no_other_call() -> None:
    assert number("github", **{"x-github-delivery": "another"}) == number("github")
    assert number("github", {**GITHUB_PUSH, "before": "1" * 40}) != number("github")


@pytest.mark.parametrize("late", [-301, 301, 86400, -1e9])
def test_a_call_of_another_time_is_refused(late: float) -> None:
    with pytest.raises(Unsigned, match="s away"):
        number("generic", at=NOW + late)


@pytest.mark.parametrize("stamp", ["", "0", "nan", "1e9", "-1800000000", "01800000000", "1800000000.5", "٣" * 10, "1800000000 "])
def test_a_time_that_is_none(stamp: str) -> None:
    headers, body = signed("generic", GENERIC)
    with pytest.raises(Unsigned):
        verify("generic", Call({**headers, "x-deliver-timestamp": stamp}, body), [SECRET], NOW)


def test_a_time_that_was_not_signed_is_refused() -> None:
    headers, body = signed("generic", GENERIC)
    with pytest.raises(Unsigned, match="no secret of this source"):
        verify("generic", Call({**headers, "x-deliver-timestamp": str(int(NOW) + 5)}, body), [SECRET], NOW)


def test_all_secrets_are_compared_in_constant_time_whichever_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[object] = []
    monkeypatch.setattr(signatures.hmac, "compare_digest", lambda one, other: (compared.append(one), one == other)[1])
    number("github", known=(SECRET, OLD, "a-third-secret-of-it"))
    assert len(compared) == 3


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not here")
def test_a_pipeline_with_nothing_but_openssl_signs_so() -> None:
    body, stamp = json.dumps(GENERIC).encode(), str(int(NOW))
    argv = ["openssl", "dgst", "-sha256", "-hmac", SECRET, "-r"]
    done = subprocess.run(argv, input=f"{stamp}.".encode() + body, capture_output=True, check=True)
    headers = {"x-deliver-timestamp": stamp, "x-deliver-signature": f"sha256={done.stdout.split()[0].decode()}"}
    assert verify("generic", Call(headers, body), [SECRET], NOW)
    assert hmac.compare_digest(headers["x-deliver-signature"], signatures.signature(SECRET, int(NOW), body))
