# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Age of data: of rows in a real PostgreSQL where there is one, of files as the engine tells them, of answers by HTTP."""

from __future__ import annotations

import base64
import http.server
import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.containers.api import NotFound
from ansible_collections.latentum.ops.plugins.module_utils.containers.client import Container, Engine
from ansible_collections.latentum.ops.plugins.module_utils.contracts.freshness import Freshness
from ansible_collections.latentum.ops.plugins.module_utils.core.masking import foreign
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.probes import freshness
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.probes.freshness import Age

from ...databases import servers
from .. import samples

POSTGRES = Path("/usr/lib/postgresql/15/bin")
QUERY = Freshness("prices", "query", 300, service="db", database="postgres", user="app", sql="SELECT max(at) FROM prices", timeout=5)


class LocalEngine:
    """Commands run here; paths are those of a folder."""

    def __init__(self, environment: dict[str, str] | None = None, links: dict[str, str] | None = None) -> None:
        self.environment, self.links = environment or {}, links or {}
        self.files: dict[str, float] = {}
        self.api = self

    text = staticmethod(foreign)

    def run(self, _container: Container, argv: Sequence[str], timeout: float) -> tuple[int, bytes]:
        environment = {**os.environ, **self.environment}
        done = subprocess.run(argv, capture_output=True, timeout=timeout, check=False, env=environment)
        return done.returncode, done.stdout + done.stderr

    def path_status(self, _identity: str, path: str) -> dict[str, Any]:
        if path in self.links:
            return {"mtime": "2020-01-01T00:00:00Z", "linkTarget": self.links[path]}
        if path not in self.files:
            raise NotFound("Could not find the file", 404)
        return {"mtime": time.strftime("%Y-%m-%dT%H:%M:%S.123456789Z", time.gmtime(self.files[path])), "linkTarget": ""}


def look(spec: Freshness, engine: Any = None, *there: Container) -> Age:
    return freshness.read(spec, there or (samples.container(service=spec.service or "db"),), cast(Engine, engine))


@pytest.fixture(scope="module")
def database() -> Iterator[dict[str, str]]:
    """A PostgreSQL on a socket, with a superuser `app` as images make it."""
    if not (POSTGRES / "initdb").exists() or os.geteuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("no PostgreSQL 15 is here")
    with servers.folder() as folder:
        made = [str(POSTGRES / "initdb"), "-D", str(folder / "data"), "-U", "app", "-A", "trust"]
        subprocess.run(servers.as_nobody(made), check=True, capture_output=True, cwd="/")
        control = servers.as_nobody([str(POSTGRES / "pg_ctl"), "-D", str(folder / "data"), "-w", "-t", "120"])
        options = f"-k {folder} -c listen_addresses= -c fsync=off"
        subprocess.run([*control, "-l", str(folder / "log"), "-o", options, "start"], check=True, capture_output=True, cwd="/")
        environment = {"PGHOST": str(folder)}
        sql = "CREATE TABLE prices (at timestamptz); CREATE TABLE days (day date); CREATE TABLE empty (at timestamptz)"
        subprocess.run(
            ["psql", "-U", "app", "-d", "postgres", "-c", sql], check=True, capture_output=True, env={**os.environ, **environment}
        )
        yield environment
        subprocess.run([*control, "-m", "immediate", "stop"], check=False, capture_output=True, cwd="/")


def asked(database: dict[str, str], sql: str, **more: Any) -> Age:
    return look(replace(QUERY, sql=sql, **more), LocalEngine(database))


def test_the_newest_row_is_fresh_or_too_old(database: dict[str, str]) -> None:
    assert asked(database, "SELECT now() - interval '2 minutes'").ok
    old = asked(database, "SELECT now() - interval '2 hours'")
    assert not old.ok and old.reason.startswith("the newest prices is 2 h old") and old.reason.endswith("and 5 min is the limit")
    assert asked(database, "WITH x AS (SELECT now() AS at) SELECT max(at) FROM x").ok
    assert asked(database, "SELECT max(at) FROM prices").reason == "there is no prices at all"


def test_a_query_can_change_nothing(database: dict[str, str]) -> None:
    for sql in ("SELECT set_config('x.y', pg_terminate_backend(0)::text, false)", "SELECT pg_reload_conf()", "SELECT nextval('none')"):
        assert not asked(database, sql).ok
    written = asked(database, "WITH gone AS (INSERT INTO prices VALUES (now()) RETURNING at) SELECT at FROM gone")
    assert not written.ok and "cannot be read" in written.reason
    assert asked(database, "SELECT CASE WHEN current_user = 'pg_read_all_data' THEN now() END").ok, "not as a superuser"
    assert asked(database, "SELECT max(at) FROM prices").at is None


def test_a_query_that_hangs_is_ended_by_the_database(database: dict[str, str]) -> None:
    age = asked(database, "SELECT now() FROM pg_sleep(60)", timeout=1)
    assert not age.ok and "statement timeout" in age.reason


@pytest.mark.parametrize("sql", ["SELECT max(at) FROM missing", "SELECT 1, 2", "SELECT 'soon'"])
def test_a_query_that_is_no_time_says_why(database: dict[str, str], sql: str) -> None:
    age = asked(database, sql)
    assert not age.ok and age.reason.startswith("the age of prices cannot be read: psql ended with")


def test_a_file_is_followed_through_links() -> None:
    engine = LocalEngine(links={"/models/current": "v3/model.pkl", "/round": "/round"})
    engine.files["/models/v3/model.pkl"] = time.time() - 60
    spec = Freshness("model", "file", 300, service="serving", path="/models/current")
    assert look(spec, engine).ok
    engine.files["/models/v3/model.pkl"] -= 3600
    assert "1 h 1 min old" in look(spec, engine).reason
    assert look(replace(spec, path="/models/none"), engine).reason == "there is no model at all"
    assert "links" in look(replace(spec, path="/round"), engine).reason


def test_while_no_container_serves_nobody_is_asked() -> None:
    spec = Freshness("model", "file", 300, service="serving", path="/x")
    assert "no container of serving serves" in look(spec, LocalEngine(), samples.container(service="serving", state="exited")).reason


class Answers(http.server.BaseHTTPRequestHandler):
    """What an address answers, by path."""

    pages: ClassVar[dict[str, tuple[int, dict[str, str], Any]]] = {}
    asked: ClassVar[list[str]] = []
    named: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.named.append(str(self.headers["Host"]))
        status, headers, document = self.pages.get(self.path.partition("?")[0], (404, {}, {"error_code": "RESOURCE_DOES_NOT_EXIST"}))
        body = json.dumps(document).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_given: Any) -> None:
        """Nothing."""


@pytest.fixture
def web() -> Iterator[int]:
    Answers.pages, Answers.asked, Answers.named = {}, [], []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def here() -> Container:
    return samples.container(service="api", addresses=(("backend", "127.0.0.1"),))


def test_a_field_of_an_answer(web: int) -> None:
    now = time.time()
    spec = Freshness("forecast", "url", 300, service="api", port=web, path="/f", field="meta.made_at")
    for value in (now - 60, (now - 60) * 1000, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now - 60))):
        Answers.pages["/f"] = (200, {}, {"meta": {"made_at": value}})
        age = look(spec, object(), here())
        assert age.ok and age.at is not None and abs(age.at - (now - 60)) < 2
    Answers.pages["/f"] = (200, {}, {"meta": {"made_at": None}})
    assert look(spec, object(), here()).reason == "there is no forecast at all"
    for document, words in (({"meta": {}}, "no field meta.made_at"), ({"meta": {"made_at": True}}, "no time"), ([1], "no field")):
        Answers.pages["/f"] = (200, {}, document)
        assert words in look(spec, object(), here()).reason
    Answers.pages["/f"] = (503, {}, {})
    assert "answered 503" in look(spec, object(), here()).reason


def test_the_header_where_no_field_is_named(web: int) -> None:
    spec = Freshness("feed", "url", 300, address=f"http://127.0.0.1:{web}/feed")
    Answers.pages["/feed"] = (200, {"Last-Modified": formatdate(time.time() - 60, usegmt=True)}, {})
    assert freshness.read(spec, (), None).ok
    Answers.pages["/feed"] = (200, {}, {})
    assert "write field:" in freshness.read(spec, (), None).reason


def test_a_model_by_its_alias_and_the_newest(web: int) -> None:
    made = int((time.time() - 60) * 1000)
    Answers.pages["/api/2.0/mlflow/registered-models/alias"] = (200, {}, {"model_version": {"creation_timestamp": made}})
    spec = Freshness("model", "mlflow", 300, service="api", port=web, model="price's", alias="champion")
    assert look(spec, object(), here()).ok
    assert Answers.asked[-1].endswith("?name=price%27s&alias=champion")
    Answers.pages["/api/2.0/mlflow/model-versions/search"] = (200, {}, {"model_versions": [{"creation_timestamp": str(made)}]})
    assert look(replace(spec, alias=""), object(), here()).ok
    assert "price%27%27s" in Answers.asked[-1], "a quote in a name ends no filter"
    Answers.pages.clear()
    assert look(spec, object(), here()).reason == "there is no model at all"
    for code, reason in (("INVALID_PARAMETER_VALUE", "there is no model at all"), ("INTERNAL_ERROR", "answered 400")):
        Answers.pages["/api/2.0/mlflow/registered-models/alias"] = (400, {}, {"error_code": code, "message": "alias champion not found"})
        assert reason in look(spec, object(), here()).reason
    Answers.pages["/api/2.0/mlflow/model-versions/search"] = (200, {}, {})
    assert look(replace(spec, alias=""), object(), here()).reason == "there is no model at all"


def test_a_service_is_asked_by_its_name_and_another_server_by_its_own(web: int) -> None:
    """MLflow answers 403 to an address, for the sake of DNS rebinding."""
    Answers.pages["/f"] = (200, {"Last-Modified": formatdate(time.time(), usegmt=True)}, {})
    assert look(Freshness("feed", "url", 300, service="api", port=web, path="/f"), object(), here()).ok
    assert freshness.read(Freshness("feed", "url", 300, address=f"http://127.0.0.1:{web}/f"), (), None).ok
    assert Answers.named == [f"api:{web}", f"127.0.0.1:{web}"]


def test_what_does_not_answer_is_not_read(web: int) -> None:
    spec = Freshness("feed", "url", 300, address="http://127.0.0.1:1/x", timeout=1)
    assert "could not be asked" in freshness.read(spec, (), None).reason


def test_the_engine_answers_by_a_header() -> None:
    """The form of the header that the client reads (Docker Engine API)."""
    raw = base64.b64encode(json.dumps({"name": "x", "mtime": "2026-11-29T05:00:00.5+01:00", "linkTarget": ""}).encode()).decode()
    assert json.loads(base64.b64decode(raw))["mtime"].startswith("2026")
