# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of images that nginx gives out itself, asked of a real nginx; what is not on its disk the service gives out."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from .nginx_runs import STATIC, Answer, Nginx, Service, needs_nginx

pytestmark = needs_nginx
SITE = "https://files.example.com"
FOREVER = "public, max-age=31536000, immutable"


@pytest.fixture(autouse=True)
def disk(nginx: Nginx, service: Service) -> Iterator[Path]:
    """The folder of the route of /, as a release leaves it; the service has other words at the same paths."""
    (stack,) = {path.split("/")[5] for text in nginx.files.values() for path in text.split() if path.startswith(STATIC)}
    top = nginx.root / STATIC.strip("/") / stack
    folder = top / "files.example.com"
    contents = {
        "app.3f2a.js": "new",
        "app.1c9b.js": "old",
        "chunk.mjs": "module",
        "app.wasm": "wasm",
        "pre.css": "plain",
        "sub/a.svg": "<svg/>",
    }
    for name, content in contents.items():
        (folder / "assets" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "assets" / name).write_text(content)
    (folder / "assets/pre.css.gz").write_bytes(gzip.compress(b"beforehand"))
    (folder / "index.html").write_text("never from the disk")
    for path in (nginx.root / "var", *(nginx.root / "var").rglob("*")):
        if "latentum-ops" in str(path) or path.is_relative_to(nginx.root / "var/lib") or path == nginx.root / "var":
            path.chmod(path.stat().st_mode | (0o755 if path.is_dir() else 0o644))
    page = (200, {"Content-Type": "text/html"}, "page of the service")
    there = {"/": page, "/index.html": page, "/assets/late.js": (200, {"Content-Type": "text/javascript"}, "service")}
    missing = (404, {"Content-Type": "text/html"}, "nothing")
    service.replies.update(there | {path: missing for path in ("/assets/gone.js", "/orders/7", "/assets/sub/", "/assets/sub")})
    yield folder
    service.replies.clear()
    shutil.rmtree(top)


def ask(nginx: Nginx, path: str, method: str = "GET", **headers: str) -> Answer:
    return nginx.ask(f"{SITE}{path}", method, headers=headers)


@pytest.mark.parametrize(
    ("path", "body"), [("/assets/app.3f2a.js", "new"), ("/assets/app.1c9b.js", "old"), ("/assets/sub/a.svg", "<svg/>")]
)
def test_files_of_this_release_and_of_the_one_before_come_from_the_disk(nginx: Nginx, service: Service, path: str, body: str) -> None:
    service.requests.clear()
    answer = ask(nginx, path)
    assert (answer.status, answer.body, answer["cache-control"]) == (200, body, FOREVER) and service.requests == []
    assert answer["etag"] and answer["x-request-id"] and answer["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("app.3f2a.js", "text/javascript"),
        ("chunk.mjs", "text/javascript"),
        ("app.wasm", "application/wasm"),
        ("sub/a.svg", "image/svg+xml"),
    ],
)
def test_types_that_browsers_insist_on(nginx: Nginx, name: str, kind: str) -> None:
    assert ask(nginx, f"/assets/{name}")["content-type"].partition(";")[0] == kind


def test_what_is_compressed_beforehand_is_given_to_whoever_takes_it(nginx: Nginx) -> None:
    assert ask(nginx, "/assets/pre.css").body == "plain"
    connection = nginx.ask(f"{SITE}/assets/pre.css", "HEAD", headers={"Accept-Encoding": "gzip"})
    assert connection["content-encoding"] == "gzip" and connection["content-type"].startswith("text/css")


def test_what_is_not_on_the_disk_the_service_gives_out(nginx: Nginx) -> None:
    answer = ask(nginx, "/assets/late.js")
    assert (answer.status, answer.body, answer["cache-control"]) == (200, "service", FOREVER)
    gone = ask(nginx, "/assets/gone.js", Accept="text/html")
    assert (gone.status, gone["cache-control"]) == (404, "no-store"), "no page in its place, also for a browser"


def test_pages_are_always_those_of_the_service(nginx: Nginx) -> None:
    assert ask(nginx, "/").body == ask(nginx, "/index.html").body == "page of the service"
    assert ask(nginx, "/orders/7", Accept="text/html").body == "page of the service"


def test_no_list_of_a_folder_and_no_way_out_of_it(nginx: Nginx, disk: Path) -> None:
    (disk.parent / "secret.js").write_text("secret")
    for path in ("/assets/", "/assets/sub/", "/assets/sub"):
        assert "app.3f2a.js" not in ask(nginx, path).body and "a.svg" not in ask(nginx, path).body
    for path in ("/assets/../secret.js", "/assets/..%2f..%2fsecret.js", "/assets/%2e%2e/%2e%2e/secret.js", "/assets../secret.js"):
        assert ask(nginx, path).body != "secret"


def test_not_modified_and_parts(nginx: Nginx) -> None:
    tag = ask(nginx, "/assets/app.3f2a.js")["etag"]
    again = ask(nginx, "/assets/app.3f2a.js", **{"If-None-Match": tag})
    assert (again.status, again["cache-control"]) == (304, FOREVER)
    assert ask(nginx, "/assets/app.3f2a.js", Range="bytes=0-0").status == 206


def test_other_origins_are_answered_as_by_the_service(nginx: Nginx) -> None:
    allowed = ask(nginx, "/assets/app.3f2a.js", Origin="https://app.example.com")
    assert allowed["access-control-allow-origin"] == "https://app.example.com"
    assert ask(nginx, "/assets/app.3f2a.js", Origin="https://other.example.com")["access-control-allow-origin"] == ""
    asked = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "GET"}
    assert ask(nginx, "/assets/app.3f2a.js", "OPTIONS", **asked).status == 204


def test_who_may_not_come_gets_no_file(nginx: Nginx, disk: Path) -> None:
    (folder,) = [
        place
        for place in nginx.files["/etc/nginx/sites.d/files.example.com.conf"].split()
        if "files.example.com." in place and STATIC in place
    ]
    inside = nginx.root / folder.strip("/;") / "shop/assets"
    inside.mkdir(parents=True)
    (inside / "a.js").write_text("inside")
    (inside / "a.js").chmod(0o644)
    answer = ask(nginx, "/shop/assets/a.js")
    assert answer.status == 403 and "inside" not in answer.body
