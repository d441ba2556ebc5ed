# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Request of a delivery: what a source has said, in one form whoever said it, and nothing in it that could be read as something else.

Every field is text of others. Each is held to the narrowest form that its provider gives it, so that none can be an option of a program, a
path, a second line, or a word of a shell, wherever it goes later.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ..contracts.delivery import KINDS
from ..core.versioned_json import known_fields

_REPOSITORY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(?:/[A-Za-z0-9_][A-Za-z0-9._-]*){0,6}")
_REF = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/+-]*")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_DELIVERY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}")
_UNPRINTABLE = re.compile(r"[^ -~\u00a1-\u02ff]+")
LONGEST_NAME, LONGEST_PERSON = 200, 60
MOST_IMAGES = 50
NO_COMMIT = re.compile(r"0{40}|0{64}")  # what providers write for a ref that is gone


class Malformed(ValueError):
    """A call that says nothing which could be carried out; the message names the field and what it must be."""


@dataclass(frozen=True)
class Image:
    """An image of a registry: a tag, a digest, or both; then the digest counts."""

    tag: str = ""
    digest: str = ""

    @property
    def suffix(self) -> str:
        """What stands behind the name of the image."""
        return (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")


@dataclass(frozen=True)
class Request:
    """A release that somebody wants here.

    :param source: the name of a source of the stack.
    :param repository: as the source calls it: C(owner/name), or an image without its server.
    :param kind: C(branch) or C(tag).
    :param commit: empty where the source knows none.
    :param images: by service; empty where the rule says which follow from the ref.
    :param pushed: of a registry, the image that was pushed: it belongs to each service that has it.
    :param delivery: how the provider calls this call, for whoever looks for it there.
    :param who: as the provider names them; nobody's name on this host.
    :param downgrade: it is known to be older than what is live, and meant.
    """

    stack: str
    source: str
    repository: str
    kind: str
    ref: str
    commit: str = ""
    images: Mapping[str, Image] = field(default_factory=dict)
    pushed: Image | None = None
    delivery: str = ""
    who: str = ""
    downgrade: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def request_from(raw: Mapping[str, Any]) -> Request:
    """From plain data, each field looked at again: whoever wrote it may have been taken over.

    :raises Malformed: a field is not of its form.
    """
    try:
        images = {str(name): known_fields(Image, image) for name, image in (raw.get("images") or {}).items()}
        pushed = known_fields(Image, raw["pushed"]) if raw.get("pushed") else None
        return checked(known_fields(Request, {**raw, "images": images, "pushed": pushed}))
    except (TypeError, AttributeError, ValueError) as error:
        raise error if isinstance(error, Malformed) else Malformed(f"the request is of another form: {error}") from error


def checked(request: Request) -> Request:
    """The request, whose fields are all of their form.

    :raises Malformed: one is not.
    """
    _require("repository", request.repository, _is_repository, "a name such as acme/shop")
    _require("ref", request.ref, is_ref, "the name of a branch or tag, such as v1.4.3")
    _require("commit", request.commit, lambda text: not text or bool(_COMMIT.fullmatch(text)), "40 or 64 hexadecimal digits")
    _require("delivery", request.delivery, lambda text: not text or bool(_DELIVERY.fullmatch(text)), "letters, digits and . _ : -")
    if request.kind not in KINDS:
        raise Malformed(f"ref: is neither a branch nor a tag: write {' or '.join(KINDS)}")
    if not isinstance(request.downgrade, bool):
        raise Malformed("downgrade: must be true or false")
    if len(request.images) > MOST_IMAGES:
        raise Malformed(f"images: are more than {MOST_IMAGES}")
    for service, image in request.images.items():
        _require("images", service, lambda text: bool(_SERVICE.fullmatch(text)), "names of services")
        _image(f"images.{service}", image)
    if request.pushed is not None:
        _image("image", request.pushed)
    return request


def person(name: object) -> str:
    """Who a provider says it was, fit for a line of a log and an HTML page: nothing that is not printable, and not long."""
    text = _UNPRINTABLE.sub(" ", name).strip() if isinstance(name, str) else ""
    return text[:LONGEST_PERSON] or "unknown"


def is_ref(text: str) -> bool:
    """A part of what git-check-ref-format(1) allows."""
    plain = bool(_REF.fullmatch(text)) and len(text) <= LONGEST_NAME
    return plain and not any(part in text for part in ("..", "//", "/.")) and not text.endswith((".lock", "/", "."))


def _is_repository(text: str) -> bool:
    return bool(_REPOSITORY.fullmatch(text)) and len(text) <= LONGEST_NAME and ".." not in text


def _image(key: str, image: Image) -> None:
    if not image.tag and not image.digest:
        raise Malformed(f"{key}: has neither a tag nor a digest")
    _require(f"{key}.tag", image.tag, lambda text: not text or bool(TAG.fullmatch(text)), "a tag such as 1.4.3")
    _require(f"{key}.digest", image.digest, lambda text: not text or bool(DIGEST.fullmatch(text)), "sha256: and 64 hexadecimal digits")


def _require(key: str, value: Any, fits: Any, wanted: str) -> None:
    if not isinstance(value, str) or not fits(value):
        raise Malformed(f"{key}: must be {wanted}")
