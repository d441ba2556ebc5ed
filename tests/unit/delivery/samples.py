# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stack that releases come to, and calls as their providers send them."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from ansible_collections.latentum.ops.plugins.module_utils.contracts.delivery import DeliverySettings
from ansible_collections.latentum.ops.plugins.module_utils.delivery import signatures
from ansible_collections.latentum.ops.plugins.module_utils.delivery.request import Request

NOW = 1_800_000_000.0
SECRET, OLD = "correct-horse-battery-staple", "the-secret-from-before-it"  # of nobody
COMMIT, OTHER, ZEROS = "5ff6c0df" * 5, "6cf685d4" * 5, "0" * 40
DIGEST = "sha256:" + "ab" * 32
API, WEB = "registry.example.com/acme/api", "registry.example.com/acme/web"

SETTINGS: dict[str, Any] = {
    "stack": "shop",
    "environment": "production",
    "services": {"api": API, "web": WEB},
    "push": [
        {"name": name, "provider": name, "secret": "deploy_hook", "repositories": ["acme/shop"]}
        for name in ("github", "gitlab", "gitea", "generic")
    ]
    + [{"name": "registry", "provider": "registry", "secret": "deploy_hook", "repositories": ["acme/api", "acme/web"]}],
    "rules": [
        {"kind": "branch", "pattern": "develop", "environment": "staging", "image_tag": "{short}"},
        {"kind": "branch", "pattern": "main", "image_tag": "sha-{short}"},
        {"kind": "tag", "pattern": "v*", "versions": ">=1.4 <2", "image_tag": "{version}"},
        {"kind": "tag", "pattern": "*", "versions": ">=1.4 <2"},
        {"kind": "tag", "pattern": "approved-*", "approval": True},
    ],
    "report": [
        {
            "name": "github",
            "provider": "github",
            "token": "github_token",
            "api": "https://api.github.com",
            "context": "deploy/production",
            "repositories": ["acme/shop"],
        }
    ],
    "address": "https://deploy.example.com",
}


def settings(**changes: Any) -> DeliverySettings:
    return DeliverySettings.from_dict(json.loads(json.dumps({**SETTINGS, **changes})))


def request(ref: str = "v1.4.3", kind: str = "tag", **more: Any) -> Request:
    return Request(
        **{
            "stack": "shop",
            "source": "github",
            "repository": "acme/shop",
            "commit": COMMIT,
            "who": "alice",
            **more,
            "kind": kind,
            "ref": ref,
        }
    )


def sha256(secret: str, content: bytes) -> str:
    return hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()


# What providers send, in what they have in common with the examples of their documentation.

GITHUB_PUSH: dict[str, Any] = {
    "ref": "refs/tags/v1.4.3",
    "before": ZEROS,
    "after": OTHER,
    "created": True,
    "deleted": False,
    "forced": False,
    "repository": {"id": 186853002, "name": "shop", "full_name": "acme/shop", "private": True, "default_branch": "main"},
    "pusher": {"name": "alice", "email": "alice@example.com"},
    "sender": {"login": "alice", "id": 21031067},
    "head_commit": {"id": COMMIT, "message": "Release 1.4.3", "timestamp": "2026-11-30T20:11:02Z"},
    "commits": [],
}
GITHUB_RELEASE: dict[str, Any] = {
    "action": "published",
    "release": {"tag_name": "v1.4.3", "target_commitish": "main", "draft": False, "prerelease": False},
    "repository": {"full_name": "acme/shop"},
    "sender": {"login": "alice"},
}
GITLAB_TAG: dict[str, Any] = {
    "object_kind": "tag_push",
    "event_name": "tag_push",
    "before": ZEROS,
    "after": OTHER,
    "ref": "refs/tags/v1.4.3",
    "checkout_sha": COMMIT,
    "user_username": "alice",
    "project": {"id": 15, "path_with_namespace": "acme/shop"},
    "commits": [],
}
GITEA_PUSH: dict[str, Any] = {
    "ref": "refs/tags/v1.4.3",
    "before": ZEROS,
    "after": COMMIT,
    "repository": {"full_name": "acme/shop"},
    "pusher": {"login": "alice"},
    "sender": {"login": "alice"},
    "head_commit": {"id": COMMIT},
}
REGISTRY_EVENT: dict[str, Any] = {
    "id": "320678d8-ca14-430f-8bb6-4ca139cd83f7",
    "timestamp": "2026-11-30T20:12:00.1Z",
    "action": "push",
    "target": {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": DIGEST,
        "repository": "acme/api",
        "url": f"https://registry.example.com/v2/acme/api/manifests/{DIGEST}",
        "tag": "1.4.3",
    },
    "request": {"host": "registry.example.com", "method": "PUT"},
    "actor": {"name": "ci"},
}
HARBOR: dict[str, Any] = {
    "type": "PUSH_ARTIFACT",
    "occur_at": 1796069520,
    "operator": "ci",
    "event_data": {
        "resources": [{"digest": DIGEST, "tag": "1.4.3", "resource_url": f"{API}:1.4.3"}],
        "repository": {"name": "api", "namespace": "acme", "repo_full_name": "acme/api", "repo_type": "private"},
    },
}
GENERIC: dict[str, Any] = {
    "repository": "acme/shop",
    "ref": "refs/tags/v1.4.3",
    "commit": COMMIT,
    "images": {"api": f"1.4.3@{DIGEST}"},
    "who": "alice",
}


def signed(provider: str, document: Any, *, secret: str = SECRET, now: float = NOW, **headers: str) -> tuple[dict[str, str], bytes]:
    """Headers (names in lower case) and body of a call."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return {"content-type": "application/json", **_signature(provider, secret, body, now), **headers}, body


def _signature(provider: str, secret: str, body: bytes, now: float) -> Mapping[str, str]:
    return {
        "github": {"x-github-event": "push", "x-github-delivery": "72d3162e-cc78", "x-hub-signature-256": f"sha256={sha256(secret, body)}"},
        "gitlab": {"x-gitlab-event": "Tag Push Hook", "x-gitlab-token": secret, "x-gitlab-event-uuid": "13792a34-cac6"},
        "gitea": {"x-gitea-event": "push", "x-gitea-delivery": "f6266f16-1bf3", "x-gitea-signature": sha256(secret, body)},
        "registry": {"authorization": f"Bearer {secret}"},
        "generic": {"x-deliver-timestamp": str(int(now)), "x-deliver-signature": signatures.signature(secret, int(now), body)},
    }[provider]


CALLS: dict[str, Any] = {
    "github": GITHUB_PUSH,
    "gitlab": GITLAB_TAG,
    "gitea": GITEA_PUSH,
    "registry": {"events": [REGISTRY_EVENT]},
    "generic": GENERIC,
}
