# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The status page in a real browser: rendered from samples, and served as nginx serves it. Needs a Docker engine, like the hosts."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.status_page import CSP
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.page.document import STALE, UNLOADED, render

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "hosts"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import engine
import services
from browser import CLIENT_CONTAINER, View, look
from cache import PATHS
from sample import SECRET_LOG, pictures, sample, well
from status_page import OPENED, check

USER = ("ops", "a password: with a colon")
# Serves one page in the client container until its standard input ends: what nginx does for a status page, without nginx.
SERVER = """
import base64, http.server, json, sys, threading
job = json.loads(sys.stdin.readline())
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        wanted = "Basic " + base64.b64encode(job["user"].encode()).decode()
        known = self.headers.get("Authorization") == wanted
        body = job["html"].encode() if known and self.path == "/" else b"no"
        self.send_response(200 if body != b"no" else 401 if not known else 404)
        for name, value in job["headers"].items(): self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_words): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_port, flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="session", autouse=True)
def client() -> None:
    """The client container runs, from the image of this checkout."""
    engine.ensure(PATHS["engine-log"])
    services.ensure()


def written(folder: Path, status: dict[str, Any], stack: str | None = "latentum") -> Path:
    file = folder / "index.html"
    file.write_text(render(status, stack, pictures()), encoding="utf-8")
    return file


@contextmanager
def served(html: str, headers: dict[str, str]) -> Iterator[str]:
    """The page behind basic authentication; its address as the client container sees it."""
    argv = ["docker", "exec", "--interactive", CLIENT_CONTAINER, "python3", "-c", SERVER]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin and server.stdout
        server.stdin.write(json.dumps({"html": html, "headers": headers, "user": ":".join(USER)}) + "\n")
        server.stdin.flush()
        yield f"http://127.0.0.1:{server.stdout.readline().strip()}/"
        server.stdin.close()


def test_trouble_is_told_to_everybody(tmp_path: Path) -> None:
    seen = check(written(tmp_path, sample()))
    for one in seen.values():
        assert one.title == "model-server is down; this affects api-gateway · Latentum"
        for words in ("latentum-model-server-1 was killed for memory", "1 of 2 healthy", "99.85 % uptime", "certificate valid for 71 days"):
            assert words in one.text, words
        assert SECRET_LOG not in one.html and "172.18." not in one.html
    # What is folded away is there for who opens it.
    assert "latentum-database-1 was started" in seen["opened"].text
    assert "latentum-database-1 was started" not in seen["desktop"].text
    assert "down for 31 s" in seen["opened"].text


def test_a_good_day_is_one_too(tmp_path: Path) -> None:
    seen = check(written(tmp_path, well()))
    assert seen["phone"].text.split("\n\n")[1].startswith("All systems are up")
    assert "Open incidents" not in seen["desktop"].text


def test_everything_of_a_host_and_the_longest_names_fit(tmp_path: Path) -> None:
    status = sample()
    second = copy.deepcopy(status["stacks"][0])
    second.update(name="a-stack-whose-name-goes-on-for-sixty-three-characters-as-it-may-be", title="")
    for service in second["services"]:
        service["service"] = f"{service['service']}-{'with-a-very-long-name' * 3}"
        service["reason"] = f"exit {'x' * 200}"
    second["sites"][0]["domain"] = f"{'sub-domain.' * 18}example.com"
    status["stacks"].append(second)
    status["incidents"][0]["cause"] = "y" * 400
    status["host_checks"][1]["name"] = "disk /srv/" + "folder/" * 20
    check(written(tmp_path, status, None))


def test_before_there_is_anything_to_tell(tmp_path: Path) -> None:
    nothing = {"host": "web-1", "well": False, "stacks": [], "incidents": [], "history": [], "at": 1_800_000_000}
    assert "Nothing is watched yet" in check(written(tmp_path, nothing))["desktop"].text


def test_served_with_its_policy_and_a_password() -> None:
    headers = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": CSP, "X-Content-Type-Options": "nosniff"}
    with served(render(sample(), "latentum"), headers) as url:
        check(url, auth=USER)
        (refused,) = look(url, View())
        assert [answer.status for answer in refused.answers] == [401] and "model-server" not in refused.text


def test_a_page_that_is_not_loaded_again_says_so(tmp_path: Path) -> None:
    file = written(tmp_path, well())
    views = [
        View(width=width, before=before)
        for width in (1200, 360)
        for before in ("", "document.getAnimations().forEach(one => one.finish())")
    ]
    for fresh, left in zip(*[iter(look(file, *views))] * 2, strict=True):
        assert UNLOADED not in fresh.text and UNLOADED in left.text
        assert not left.faint() and not left.beyond
        assert STALE not in left.text


def test_a_style_or_a_script_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    (plain,) = look(written(tmp_path, well()), View())
    injected = "<style>body{background:#f00}</style><script>document.title='taken'</script><img src='https://example.test/x.png'>"
    file = tmp_path / "injected.html"
    file.write_text(render(well(), "latentum").replace("<main>", f"<main>{injected}"), encoding="utf-8")
    (seen,) = look(file, View())
    assert (seen.title, seen.background) == (plain.title, plain.background)
    assert len(seen.complaints) >= 3


def test_what_is_wrong_with_a_page_is_noticed(tmp_path: Path) -> None:
    """The measuring itself: a check that cannot fail would prove nothing."""
    file = tmp_path / "bad.html"
    file.write_text(
        "<!DOCTYPE html><meta name='viewport' content='width=device-width'><title>bad</title>"
        "<body style='background:#fff'><section><h1>x</h1></section>"
        "<p style='color:#999'>too faint</p><p style='width:900px' class='wide'>too wide</p><img src='missing.png'>"
        "<p id='said'>no script</p><script>document.getElementById('said').textContent = 'script'; console.error('oh')</script>"
    )
    with_scripts, without = look(file, View(width=360, before=OPENED), View(width=360, scripts=False))
    assert [text.split("'")[1] for text in with_scripts.faint()] == ["too faint"]
    assert with_scripts.scroll_width > with_scripts.width and with_scripts.beyond == ["p.wide"]
    assert with_scripts.unnamed == ["section"] and with_scripts.landmarks == []
    assert len(with_scripts.requests) == 2 and with_scripts.requests[1].endswith("/missing.png")
    assert any("oh" in words for words in with_scripts.complaints) and any("missing" in words for words in with_scripts.complaints)
    assert "script" in with_scripts.text.splitlines() and "no script" in without.text.splitlines()
