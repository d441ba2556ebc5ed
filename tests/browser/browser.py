# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real browser in the client container of the test hosts, asked from here: what does a page show, and what does it do?

`light, phone = look("https://status.example.test/", View(), View.phone(), auth=("ops", "password"))`: what it looks like to whom.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

if (HOSTS := str(Path(__file__).resolve().parents[1] / "hosts")) not in sys.path:
    sys.path.insert(0, HOSTS)

from engine import HostsError, docker

HERE = Path(__file__).resolve().parent
CLIENT_CONTAINER = "latentum-ops-test-client"
LONGEST = 180.0  # seconds for all views of a call
LARGE, LARGE_BOLD = 24.0, 18.66  # pixels from which text is large (WCAG 2.2: 18 pt, or 14 pt bold)


@dataclass(frozen=True)
class View:
    """How a page is looked at. Sizes in CSS pixels.

    :param scale: device pixels of one CSS pixel.
    :param whole: the picture shows all of the page, not only what fits.
    :param scripts: scripts of the page may run.
    :param before: an expression that is evaluated before anything is measured, to open or click something.
    """

    width: int = 1200
    height: int = 900
    dark: bool = False
    scripts: bool = True
    scale: float = 1.0
    picture: bool = False
    whole: bool = True
    before: str = ""

    @classmethod
    def phone(cls, **more: Any) -> View:
        """A small phone."""
        return cls(**{"width": 360, "height": 800, "scale": 2.0, **more})


@dataclass(frozen=True)
class Answer:
    """What a server answered to one request."""

    url: str
    status: int
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Observation:
    """What a view showed.

    :param text: as a reader sees it, without what is folded away.
    :param html: the document after loading.
    :param width: of the window without scrollbars; `scroll_width` of what is in it.
    :param beyond: elements that reach over the right edge.
    :param texts: each piece of visible text with its contrast (`ratio`), size in pixels, weight and place.
    :param headings: level and text.
    :param unnamed: sections and pictures that assistive technology cannot name.
    :param requests: every address that was asked for, the page's own first.
    :param complaints: of the console: errors, warnings, refusals of the policy.
    :param picture: PNG; empty unless asked for.
    """

    title: str
    text: str
    html: str
    width: float
    scroll_width: float
    beyond: list[str]
    background: str
    colour: str
    scripts: int
    unnamed: list[str]
    landmarks: list[str]
    headings: list[tuple[int, str]]
    requests: list[str]
    complaints: list[str]
    texts: list[Mapping[str, Any]] = field(repr=False)
    answers: list[Answer] = field(default_factory=list)
    picture: bytes = field(default=b"", repr=False)

    def faint(self) -> list[str]:
        """Text that does not stand out enough (WCAG 2.2, 1.4.3: 4.5 : 1, large text 3 : 1), with its contrast."""
        return [f"{one['words']!r} {one['ratio']:.2f}" for one in self.texts if one["ratio"] < (3.0 if _large(one) else 4.5)]


def _large(text: Mapping[str, Any]) -> bool:
    return float(text["size"]) >= (LARGE_BOLD if text["bold"] else LARGE)


def look(page: str | Path, *views: View, auth: tuple[str, str] | None = None, verify: bool = False) -> list[Observation]:
    """Look at a page in each of these views.

    :param page: an address (`https://…`, as the client container resolves it), or a file of this machine, which is loaded by `file://`.
    :param auth: user and password for basic authentication.
    :param verify: refuse a certificate that the client does not know; the authorities of the tests are not known to it.
    :raises HostsError: the page cannot be loaded, or the container or its browser does not work.
    """
    content = {"html": page.read_text()} if isinstance(page, Path) else {"url": page}
    headers = {"Authorization": "Basic " + base64.b64encode(":".join(auth).encode()).decode()} if auth else {}
    measure, program = (HERE / "measure.js").read_text(), (HERE / "devtools.py").read_text()
    job = json.dumps({**content, "headers": headers, "insecure": not verify, "measure": measure, "views": [asdict(view) for view in views]})
    done = docker("exec", "--interactive", CLIENT_CONTAINER, "python3", "-c", program, text_in=job, timeout=LONGEST, check=False)
    if done.returncode != 0:
        raise HostsError(f"the browser failed on {page}: {done.stderr.strip()[-1500:]}")
    return [_seen(raw) for raw in json.loads(done.stdout)]


def _seen(raw: dict[str, Any]) -> Observation:
    answers = [Answer(**one) for one in raw.pop("answers")]
    headings = [(int(level), str(text)) for level, text in raw.pop("headings")]
    return Observation(**{**raw, "headings": headings, "answers": answers, "picture": base64.b64decode(raw["picture"])})
