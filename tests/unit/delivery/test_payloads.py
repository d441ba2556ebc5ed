# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Payloads: each provider's own becomes the same request; whatever cannot be carried out is refused by its field."""

from __future__ import annotations

import json
import random
from typing import Any
from urllib.parse import urlencode

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.delivery.payloads import Irrelevant, read
from ansible_collections.latentum.ops.plugins.module_utils.delivery.request import Image, Malformed, Request, request_from
from ansible_collections.latentum.ops.plugins.module_utils.delivery.settings import source_of
from ansible_collections.latentum.ops.plugins.module_utils.delivery.signatures import Call

from .samples import (
    CALLS,
    COMMIT,
    DIGEST,
    GENERIC,
    GITEA_PUSH,
    GITHUB_PUSH,
    GITHUB_RELEASE,
    GITLAB_TAG,
    HARBOR,
    REGISTRY_EVENT,
    ZEROS,
    settings,
    signed,
)

SHELL = [
    "$(id)",
    "`id`",
    "v1;id",
    "v1|id",
    "v1&id",
    "v1\nid",
    "v1\x00",
    "-rf",
    "--upload-pack=id",
    "v1 id",
    "v1'\"",
    "v${IFS}1",
    "v1>x",
    "é",
    "v1\\x",
]
PATHS = ["../../etc/passwd", "/etc/passwd", "v1/../../x", "v1//x", "v1/.ssh", "..", ".", "v1.lock", "v1/", "%2e%2e/x", "v1."]


def of(provider: str, document: Any, **headers: str) -> list[Request]:
    source = source_of(settings(), provider)
    assert source is not None
    return read("shop", source, Call(*signed(provider, document, **headers)))


@pytest.mark.parametrize("provider", ["github", "gitlab", "gitea", "generic"])
def test_a_tag_is_the_same_request_whoever_tells_of_it(provider: str) -> None:
    (made,) = of(provider, CALLS[provider])
    assert (made.repository, made.kind, made.ref, made.commit, made.who) == ("acme/shop", "tag", "v1.4.3", COMMIT, "alice")


@pytest.mark.parametrize(
    ("provider", "document"), [("github", GITHUB_PUSH), ("gitea", GITEA_PUSH), ("gitlab", {**GITLAB_TAG, "object_kind": "push"})]
)
def test_a_branch(provider: str, document: dict[str, Any]) -> None:
    (made,) = of(provider, {**document, "ref": "refs/heads/feature/x"})
    assert (made.kind, made.ref) == ("branch", "feature/x")


def test_a_form_as_github_sends_it_unless_somebody_chooses_json() -> None:
    body = urlencode({"payload": json.dumps(GITHUB_PUSH)}).encode()
    (made,) = of("github", body, **{"content-type": "application/x-www-form-urlencoded"})
    assert made.ref == "v1.4.3"


def test_a_release_knows_no_commit() -> None:
    (made,) = of("github", GITHUB_RELEASE, **{"x-github-event": "release"})
    assert (made.ref, made.kind, made.commit) == ("v1.4.3", "tag", "")


@pytest.mark.parametrize("document", [{"events": [REGISTRY_EVENT]}, HARBOR])
def test_an_image_that_was_pushed(document: Any) -> None:
    (made,) = of("registry", document)
    assert (made.repository, made.ref, made.pushed, made.who) == ("acme/api", "1.4.3", Image("1.4.3", DIGEST), "ci")


def test_several_images_in_one_call() -> None:
    other = json.loads(json.dumps(REGISTRY_EVENT))
    other["target"]["repository"] = "acme/web"
    without_tag = {**REGISTRY_EVENT, "target": {"repository": "acme/api", "digest": DIGEST}}
    pulled = {**REGISTRY_EVENT, "action": "pull"}
    assert [made.repository for made in of("registry", {"events": [REGISTRY_EVENT, without_tag, pulled, other]})] == [
        "acme/api",
        "acme/web",
    ]


def test_images_of_a_pipeline() -> None:
    (made,) = of("generic", {**GENERIC, "images": {"api": f"@{DIGEST}", "web": "1.4.3"}})
    assert dict(made.images) == {"api": Image("", DIGEST), "web": Image("1.4.3", "")}


@pytest.mark.parametrize(
    ("provider", "document", "headers"),
    [
        ("github", {"zen": "Design for failure."}, {"x-github-event": "ping"}),
        ("github", {**GITHUB_PUSH, "deleted": True}, {}),
        ("github", {**GITHUB_PUSH, "after": ZEROS}, {}),
        ("github", {**GITHUB_RELEASE, "action": "created"}, {"x-github-event": "release"}),
        ("github", {**GITHUB_RELEASE, "release": {"tag_name": "v1", "draft": True}}, {"x-github-event": "release"}),
        ("github", GITHUB_PUSH, {"x-github-event": "<script>"}),
        ("gitlab", {**GITLAB_TAG, "after": ZEROS}, {}),
        ("gitlab", {**GITLAB_TAG, "object_kind": "merge_request"}, {}),
        ("gitea", {**GITEA_PUSH, "ref": "refs/pull/4/head"}, {}),
        ("registry", {"events": []}, {}),
        ("registry", {"type": "DELETE_ARTIFACT"}, {}),
    ],
)
def test_calls_from_which_nothing_follows(provider: str, document: Any, headers: dict[str, str]) -> None:
    with pytest.raises(Irrelevant):
        of(provider, document, **headers)


@pytest.mark.parametrize("provider", tuple(CALLS))
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"1",
        b'"x"',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b'{"ref": 1, "ref": 2}',
        b"9" * 10_000,
        b"payload=",
    ],
    ids=lambda body: repr(body[:12]),
)
def test_a_body_that_is_no_document(provider: str, body: bytes) -> None:
    with pytest.raises(Malformed):
        of(provider, body)


@pytest.mark.parametrize("text", [*SHELL, *PATHS])
@pytest.mark.parametrize(
    ("provider", "way"),
    [
        ("github", ("repository", "full_name")),
        ("github", ("ref",)),
        ("github", ("head_commit", "id")),
        ("gitlab", ("project", "path_with_namespace")),
        ("gitlab", ("checkout_sha",)),
        ("gitlab", ("ref",)),
        ("gitea", ("ref",)),
        ("registry", ("events", 0, "target", "repository")),
        ("registry", ("events", 0, "target", "tag")),
        ("registry", ("events", 0, "target", "digest")),
        ("registry", ("events", 0, "id")),
        ("generic", ("repository",)),
        ("generic", ("ref",)),
        ("generic", ("commit",)),
        ("generic", ("delivery",)),
        ("generic", ("images", "api")),
    ],
)
def test_no_field_carries_what_could_be_something_else(provider: str, way: tuple[Any, ...], text: str) -> None:
    document = json.loads(json.dumps(CALLS[provider]))
    inner = document
    for step in way[:-1]:
        inner = inner[step]
    prefix = "refs/tags/" if way == ("ref",) else ""
    inner[way[-1]] = prefix + text
    if text in ("v1.lock", "v1.") and way[-1] not in ("ref", "checkout_sha", "digest", "commit") and way != ("head_commit", "id"):
        return  # a plain name there
    with pytest.raises(Malformed):
        of(provider, document)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"downgrade": "yes"}, "downgrade"),
        ({"command": "id"}, "command"),
        ({"ref": "v1.4.3"}, "refs/tags"),
        ({"images": {"$(id)": "1"}}, "images"),
        ({"images": {f"s{number}": "1" for number in range(51)}}, "more than 50"),
        ({"images": {"api": ""}}, "neither"),
        ({"images": ["api"]}, "another type"),
        ({"repository": None}, "repository"),
    ],
)
def test_a_pipeline_that_writes_something_wrong_is_told_the_field(change: dict[str, Any], words: str) -> None:
    with pytest.raises(Malformed, match=words):
        of("generic", {**GENERIC, **change})


def test_who_it_was_is_a_name_and_no_more() -> None:
    (made,) = of("github", {**GITHUB_PUSH, "sender": {"login": "a\r\n<b>\x1b[31m" + "x" * 500}})
    assert len(made.who) <= 60 and made.who.isprintable()


def test_a_request_is_looked_at_again_when_it_is_read_from_disk() -> None:
    (made,) = of("generic", GENERIC)
    assert request_from(json.loads(json.dumps(made.to_dict()))) == made
    for field in ("repository", "ref", "commit"):
        with pytest.raises(Malformed):
            request_from({**made.to_dict(), field: "../../etc/passwd; id"})
    for wrong in ({}, {"images": 3}, {**made.to_dict(), "images": {"api": 3}}, {**made.to_dict(), "pushed": "x"}):
        with pytest.raises(Malformed):
            request_from(wrong)


def _wrecked(document: Any, chance: random.Random) -> Any:
    """A document with some values of another type."""
    if chance.random() < 0.12:
        return chance.choice([None, 0, -1, 1e308, "", "x" * 300, [], {}, True, [[]], {"": None}, "refs/tags/", "\ud800"])
    if isinstance(document, dict):
        return {key: _wrecked(value, chance) for key, value in document.items()}
    return [_wrecked(value, chance) for value in document] if isinstance(document, list) else document


@pytest.mark.parametrize("provider", tuple(CALLS))
def test_whatever_a_document_is_it_is_read_or_refused(provider: str) -> None:
    chance = random.Random(17)  # noqa: S311  # the same documents each time
    for _number in range(2000):
        document = _wrecked(CALLS[provider], chance)
        try:
            made = of(provider, json.dumps(document).encode())
        except (Malformed, Irrelevant):
            continue
        assert made and all(request_from(one.to_dict()) == one for one in made)
