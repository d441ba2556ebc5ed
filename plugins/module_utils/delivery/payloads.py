# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Payloads of calls: what each provider sends, as requests of one form.

Sources: GitHub "Webhook events and payloads" (push, release, ping), GitLab "Webhook events" (push and tag events), Gitea and Forgejo (push,
release), Docker Registry "Notifications" (envelope of events), Harbor "Webhooks" (PUSH_ARTIFACT).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs

from ..contracts.delivery import BRANCH, GENERIC, GITEA, GITHUB, GITLAB, REGISTRY, TAG, PushSource
from .request import NO_COMMIT, Image, Malformed, Request, checked, person
from .signatures import Call

_PREFIXES = (("refs/heads/", BRANCH), ("refs/tags/", TAG))
MOST_EVENTS = 20  # of a registry in one call
_Fields = dict[str, Any]
_GENERIC_KEYS = ("repository", "ref", "commit", "images", "delivery", "who", "downgrade")


class Irrelevant(Exception):
    """A call from which nothing follows, such as a ping; the message says why."""


def read(stack: str, source: PushSource, call: Call) -> list[Request]:
    """The requests of a call, in their order; never none.

    :raises Malformed: it is not what its provider sends.
    :raises Irrelevant: nothing follows from it.
    """
    document = _document(call)
    try:
        wanted = _READERS[source.provider](document, call.headers)
        return [checked(Request(stack=stack, source=source.name, **fields)) for fields in wanted]
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        what = f"{error.args[0]} is missing" if isinstance(error, KeyError) else "a field is of another type"
        raise Malformed(f"the body is not what {source.provider} sends: {what}") from error


def _document(call: Call) -> Mapping[str, Any]:
    """GitHub and Gitea send a form unless somebody chooses JSON."""
    try:
        text = call.body.decode()
        if call.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/x-www-form-urlencoded":
            (text,) = parse_qs(text, strict_parsing=True, max_num_fields=5)["payload"]
        document = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError, KeyError) as error:
        raise Malformed("the body is no JSON") from error
    if not isinstance(document, dict):
        raise Malformed("the body must be one JSON object")
    return document


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names are there once: two readers may choose another one of two."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name is there twice")
    return made


def _ref(name: str) -> _Fields:
    for prefix, kind in _PREFIXES:
        if name.startswith(prefix):
            return {"kind": kind, "ref": name.removeprefix(prefix)}
    raise Irrelevant("it is about neither a branch nor a tag")


def _present(commit: Any) -> str:
    """:raises Irrelevant: the ref was deleted."""
    if commit is None or NO_COMMIT.fullmatch(commit):
        raise Irrelevant("the branch or tag was deleted")
    return str(commit)


def _github(document: Mapping[str, Any], headers: Mapping[str, str]) -> Sequence[_Fields]:
    event, delivery = headers.get("x-github-event", ""), headers.get("x-github-delivery", "")
    return [_of_forge(event, document) | {"delivery": delivery}]


def _gitea(document: Mapping[str, Any], headers: Mapping[str, str]) -> Sequence[_Fields]:
    event = headers.get("x-forgejo-event") or headers.get("x-gitea-event", "")
    return [_of_forge(event, document) | {"delivery": headers.get("x-forgejo-delivery") or headers.get("x-gitea-delivery", "")}]


def _of_forge(event: str, document: Mapping[str, Any]) -> _Fields:
    """GitHub, Gitea and Forgejo."""
    if event == "release" and document.get("action") == "published":
        if document["release"].get("draft"):
            raise Irrelevant("the release is a draft")
        return {
            "repository": document["repository"]["full_name"],
            "kind": TAG,
            "ref": document["release"]["tag_name"],
            "who": person((document.get("sender") or {}).get("login")),
        }
    if event != "push":
        raise Irrelevant(f"nothing follows from {person(event)}")
    if document.get("deleted"):
        raise Irrelevant("the branch or tag was deleted")
    after = _present(document.get("after"))
    # Of an annotated tag C(after) is the tag itself, and a status stands at a commit.
    commit = (document.get("head_commit") or {}).get("id") or after
    who = (document.get("sender") or {}).get("login") or (document.get("pusher") or {}).get("name")
    return {"repository": document["repository"]["full_name"], "commit": commit, "who": person(who), **_ref(document["ref"])}


def _gitlab(document: Mapping[str, Any], headers: Mapping[str, str]) -> Sequence[_Fields]:
    kind = document.get("object_kind")
    if kind not in ("push", "tag_push"):
        raise Irrelevant(f"nothing follows from {person(kind)}")
    _present(document.get("after"))
    fields = {
        "repository": document["project"]["path_with_namespace"],
        "commit": _present(document.get("checkout_sha") or document.get("after")),
        "who": person(document.get("user_username")),
        "delivery": headers.get("x-gitlab-event-uuid", ""),
    }
    return [fields | _ref(document["ref"])]


def _registry(document: Mapping[str, Any], _headers: Mapping[str, str]) -> Sequence[_Fields]:
    if document.get("type") == "PUSH_ARTIFACT":
        return _harbor(document)
    if "events" not in document:
        raise Irrelevant("nothing was pushed")
    if len(document["events"]) > MOST_EVENTS:
        raise Malformed(f"events: are more than {MOST_EVENTS}")
    pushed = [event for event in document["events"] if event["action"] == "push" and event["target"].get("tag")]
    found = [
        {
            "repository": event["target"]["repository"],
            "kind": TAG,
            "ref": event["target"]["tag"],
            "pushed": Image(event["target"]["tag"], event["target"].get("digest") or ""),
            "who": person((event.get("actor") or {}).get("name")),
            "delivery": event.get("id") or "",
        }
        for event in pushed
    ]
    return found or _nothing_pushed()


def _harbor(document: Mapping[str, Any]) -> Sequence[_Fields]:
    data = document["event_data"]
    if len(data["resources"]) > MOST_EVENTS:
        raise Malformed(f"resources: are more than {MOST_EVENTS}")
    found = [
        {
            "repository": data["repository"]["repo_full_name"],
            "kind": TAG,
            "ref": resource["tag"],
            "pushed": Image(resource["tag"], resource.get("digest") or ""),
            "who": person(document.get("operator")),
        }
        for resource in data["resources"]
        if resource.get("tag") and not resource["tag"].startswith("sha256:")
    ]
    return found or _nothing_pushed()


def _nothing_pushed() -> Sequence[_Fields]:
    raise Irrelevant("no tag was pushed")


def _generic(document: Mapping[str, Any], _headers: Mapping[str, str]) -> Sequence[_Fields]:
    if unknown := [name for name in document if name not in _GENERIC_KEYS]:
        raise Malformed(f"{person(unknown[0])}: is no known field: write {', '.join(_GENERIC_KEYS)}")
    images = {}
    for service, given in (document.get("images") or {}).items():
        tag, _at, digest = given.rpartition("@") if "@" in given else (given, "", "")
        images[service] = Image(tag, digest)
    ref = document["ref"]
    if not ref.startswith(("refs/heads/", "refs/tags/")):
        raise Malformed("ref: must be refs/heads/NAME of a branch, or refs/tags/NAME of a tag")
    return [
        {
            "repository": document["repository"],
            "commit": document.get("commit") or "",
            "images": images,
            "delivery": document.get("delivery") or "",
            "who": person(document.get("who")),
            "downgrade": document.get("downgrade") or False,
            **_ref(ref),
        }
    ]


_READERS: Mapping[str, Callable[[Mapping[str, Any], Mapping[str, str]], Sequence[_Fields]]] = {
    GITHUB: _github,
    GITLAB: _gitlab,
    GITEA: _gitea,
    REGISTRY: _registry,
    GENERIC: _generic,
}
