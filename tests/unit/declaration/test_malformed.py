# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Malformed declarations: each is refused with the key, the value and what to write instead."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.declaration.loader import InvalidDeclaration, load, problems, report

from .samples import COMPOSE, REMOVED, changed

HIDDEN = "(hidden)"
DB = "compose.services.database"
WEB = "compose.services.web"
WORKER = "compose.services.worker"

# (what is written where …, key of the error, value in it, a part of what to write instead)
CASES: list[tuple[str, list[tuple[str, Any]], str, str, str]] = [
    # The shape of the declaration
    ("name missing", [("name", REMOVED)], "name", "nothing", "add name: latentum"),
    ("name not for a project", [("name", "My Stack")], "name", '"My Stack"', "lower case letters"),
    ("compose missing", [("compose", REMOVED)], "compose", "nothing", "lookup('ansible.builtin.template'"),
    ("key misspelt", [("route", [])], "route", "an empty list", "did you mean routes?"),
    ("key unknown", [("quux", 1)], "quux", "1", "use one of backups, builds, certificates, compose, compose_folder"),
    ("routes not a list", [("routes", {"domain": "a"})], "routes", "a mapping", "write a list, such as [{domain:"),
    ("route a text", [("routes[3]", "app")], "routes[3]", '"app"', "write a mapping, such as {domain:"),
    ("directory relative", [("directory", "opt/acme")], "directory", '"opt/acme"', "write a path from the root"),
    ("directory of the system", [("directory", "/opt")], "directory", '"/opt"', "folder of its own"),
    ("contact without @", [("contact", "ops")], "contact", '"ops"', "such as ops@example.com"),
    ("contact missing", [("contact", REMOVED)], "contact", "nothing", "add contact: ops@example.com"),
    (
        "environment a list",
        [("environment", ["A=1"])],
        "environment",
        "a list of 1",
        "write a mapping, such as {LOG_LEVEL: info}",
    ),
    (
        "variable with a list",
        [("environment.LOG_LEVEL", ["a"])],
        "environment.LOG_LEVEL",
        "a list of 1",
        'a list as a string: "a,b"',
    ),
    ("variable name", [("environment.LOG-LEVEL", "x")], "environment.LOG-LEVEL", '"LOG-LEVEL"', "write LOG_LEVEL"),
    ("variable unused", [("environment.SPARE", "x")], "environment.SPARE", HIDDEN, "use ${SPARE} in the Compose file"),
    # Routes
    ("domain missing", [("routes[0].domain", REMOVED)], "routes[0].domain", "nothing", "add domain: app.example.com"),
    (
        "domain with scheme",
        [("routes[0].domain", "https://a.example.com/x")],
        "routes[0].domain",
        '"https://a.example.com/x"',
        "write only the name: a.example.com",
    ),
    (
        "domain with port",
        [("routes[0].domain", "a.example.com:443")],
        "routes[0].domain",
        '"a.example.com:443"',
        "write only the name: a.example.com",
    ),
    (
        "domain upper case",
        [("routes[0].domain", "App.Example.com")],
        "routes[0].domain",
        '"App.Example.com"',
        "write app.example.com",
    ),
    (
        "domain underscore",
        [("routes[0].domain", "a_b.example.com")],
        "routes[0].domain",
        '"a_b.example.com"',
        "such as app.example.com",
    ),
    (
        "domain without dot",
        [("routes[0].domain", "localhost")],
        "routes[0].domain",
        '"localhost"',
        "localhost.example.com",
    ),
    (
        "domain an address",
        [("routes[0].domain", "203.0.113.7")],
        "routes[0].domain",
        '"203.0.113.7"',
        "points to the host",
    ),
    ("domain wildcard", [("routes[0].domain", "*.example.com")], "routes[0].domain", '"*.example.com"', "in aliases"),
    (
        "domain outside ASCII",
        [("routes[0].domain", "bücher.example")],
        "routes[0].domain",
        '"bücher.example"',
        "xn--bcher-kva.example",
    ),
    ("route to nowhere", [("routes[0].service", "wbe")], "routes[0].service", '"wbe"', "did you mean web?"),
    ("route to no port", [("routes[0].port", 0)], "routes[0].port", "0", "from 1 to 65535"),
    ("route port too big", [("routes[0].port", 80800)], "routes[0].port", "80800", "such as 8080"),
    ("route port a word", [("routes[0].port", "http")], "routes[0].port", '"http"', "such as 8080"),
    ("route port not exposed", [(f"{WEB}.expose", ["3000"])], "routes[0].port", "8080", "write 3000"),
    (
        "same domain and path",
        [("routes[1].path", "/")],
        "routes[1].path",
        '"app.example.com/"',
        "remove one of the two",
    ),
    (
        "same path but for a slash",
        [("routes[3]", {"domain": "app.example.com", "path": "/ws", "service": "web", "port": 8080})],
        "routes[3].path",
        '"app.example.com/ws"',
        "another path",
    ),
    ("path relative", [("routes[1].path", "ws")], "routes[1].path", '"ws"', "write /ws"),
    ("path a pattern", [("routes[1].path", "/(a|b)")], "routes[1].path", '"/(a|b)"', "such as /api/v1"),
    (
        "path of certificates",
        [("routes[1].path", "/.well-known/acme-challenge/x")],
        "routes[1].path",
        '"/.well-known/acme-challenge/x"',
        "another path",
    ),
    (
        "alias another domain",
        [("routes[0].aliases", ["api.example.com"])],
        "routes[0].aliases[0]",
        '"api.example.com"',
        "remove it here",
    ),
    (
        "alias itself",
        [("routes[0].aliases", ["app.example.com"])],
        "routes[0].aliases[0]",
        '"app.example.com"',
        "remove it",
    ),
    (
        "alias of two",
        [("routes[2].aliases", ["www.example.com"])],
        "routes[2].aliases[0]",
        '"www.example.com"',
        "remove one of the two",
    ),
    (
        "alias not first",
        [("routes[1].aliases", ["ws.example.com"])],
        "routes[1].aliases",
        "ws.example.com",
        "move the aliases to routes[0].aliases",
    ),
    ("body limit", [("routes[0].body_limit", "10 megabytes")], "routes[0].body_limit", '"10 megabytes"', "such as 10m"),
    ("timeout", [("routes[0].timeout", "1 minute")], "routes[0].timeout", '"1 minute"', "60s or 1m30s"),
    ("timeout zero", [("routes[0].timeout", "0s")], "routes[0].timeout", '"0s"', "between 1s and 24h"),
    (
        "rate without requests",
        [("routes[0].rate_limit", {"per": "second"})],
        "routes[0].rate_limit.requests",
        "nothing",
        "add requests: 20",
    ),
    ("rate per hour", [("routes[0].rate_limit.per", "hour")], "routes[0].rate_limit.per", '"hour"', "second, minute"),
    ("balance", [("routes[0].balance", "least-conn")], "routes[0].balance", '"least-conn"', "write least_conn"),
    (
        "balance differs",
        [("routes[1].balance", "ip_hash")],
        "routes[1].balance",
        '"ip_hash"',
        "write balance: least_conn in both",
    ),
    ("websocket a word", [("routes[0].websocket", "yes")], "routes[0].websocket", '"yes"', "without quotes"),
    (
        "header name",
        [("routes[0].headers", {"X Frame": "DENY"})],
        "routes[0].headers.X Frame",
        '"X Frame"',
        "such as X-Frame-Options",
    ),
    (
        "header on two lines",
        [("routes[0].headers", {"X-A": "a\nb"})],
        "routes[0].headers.X-A",
        '"a\\nb"',
        "on one line",
    ),
    (
        "network with host bits",
        [("routes[2].allow_from", ["203.0.113.7/24"])],
        "routes[2].allow_from[0]",
        '"203.0.113.7/24"',
        "write 203.0.113.0/24, or 203.0.113.7",
    ),
    (
        "network nonsense",
        [("routes[2].allow_from", ["office"])],
        "routes[2].allow_from[0]",
        '"office"',
        "203.0.113.0/24",
    ),
    (
        "route to the host network",
        [(f"{WEB}.network_mode", "bridge"), (f"{WEB}.networks", REMOVED)],
        "routes[0].service",
        '"web"',
        "remove network_mode",
    ),
    ("route to a profile", [(f"{WEB}.profiles", ["debug"])], "routes[0].service", '"web"', "add profiles: [debug]"),
    ("route to no replica", [("services.web.replicas", 0)], "routes[0].service", '"web"', "services.web.replicas: 1"),
    (
        "route to what ends",
        [("services.web", {"expect": "completed"})],
        "routes[0].service",
        '"web"',
        "remove services.web.expect",
    ),
    ("path of nginx", [("routes[1].path", "/.latentum-ops/x")], "routes[1].path", '"/.latentum-ops/x"', "another path"),
    # Services
    (
        "options for no service",
        [("services.wrker", {"replicas": 1})],
        "services.wrker",
        '"wrker"',
        "did you mean worker?",
    ),
    ("option misspelt", [("services.web.replica", 2)], "services.web.replica", "2", "did you mean replicas?"),
    ("expect", [("services.web.expect", "health")], "services.web.expect", '"health"', "write healthy"),
    (
        "waiver unknown",
        [("services.web.allow", ["publish-all"])],
        "services.web.allow[0]",
        '"publish-all"',
        "write publish_all",
    ),
    ("waiver unused", [("services.web.allow", ["privileged"])], "services.web.allow[0]", '"privileged"', "remove it"),
    (
        "probe without port",
        [("services.web.probe", {"path": "/health"})],
        "services.web.probe.port",
        "nothing",
        "add port: 8080",
    ),
    ("probe timeout", [("services.web.probe.timeout", "soon")], "services.web.probe.timeout", '"soon"', "60s"),
    (
        "probe of what ends",
        [("services.migrate.probe", {"port": 80})],
        "services.migrate.expect",
        '"completed"',
        "remove the probe",
    ),
    (
        "waited for its end",
        [("services.migrate", REMOVED), (f"{WEB}.depends_on.migrate", {"condition": "service_completed_successfully"})],
        "services.migrate.expect",
        '"running"',
        "{expect: completed}",
    ),
    ("replicas of one name", [(f"{WEB}.container_name", "web")], "services.web.replicas", "2", "remove container_name"),
    (
        "replicas on one port",
        [(f"{WEB}.ports", ["127.0.0.1:8080:8080"]), ("compose.networks.backend", {"internal": False})],
        "services.web.replicas",
        "2",
        "remove ports:",
    ),
    (
        "replicas of a database",
        [("services.database", {"replicas": 2})],
        "services.database.replicas",
        "2",
        "write replicas: 1",
    ),
    (
        "replicas in Compose",
        [(f"{WORKER}.container_name", "w"), (f"{WORKER}.deploy", {"replicas": 3})],
        "compose.services.worker.deploy.replicas",
        "3",
        "remove container_name",
    ),
    ("user twice", [("services.web.user_id", 10002)], "services.web.user_id", "10002", "remove it"),
    ("user by name", [(f"{WEB}.user", "app")], "services.web.user_id", "nothing", "{user_id: 10001}"),
    # Secrets
    ("kind unknown", [("secrets.api_key.kind", "tokens")], "secrets.api_key.kind", '"tokens"', "write token"),
    ("kind missing", [("secrets.api_key.kind", REMOVED)], "secrets.api_key.kind", "nothing", "add kind: password"),
    (
        "option of another kind",
        [("secrets.api_key.length", 20)],
        "secrets.api_key.length",
        HIDDEN,
        "length belongs to kind password",
    ),
    (
        "option misspelt in a secret",
        [("secrets.api_key.byte", 20)],
        "secrets.api_key.byte",
        HIDDEN,
        "did you mean bytes?",
    ),
    (
        "length too small",
        [("secrets.database_password.length", 4)],
        "secrets.database_password.length",
        "4",
        "from 12 to",
    ),
    (
        "rsa of 1024 bits",
        [("secrets.api_key", {"kind": "rsa", "bits": 1024, "environment": {"worker": "K"}})],
        "secrets.api_key.bits",
        "1024",
        "from 2048",
    ),
    (
        "name of a secret",
        [("secrets.API-Key", {"kind": "uuid"})],
        "secrets.API-Key",
        '"API-Key"',
        "such as database_password",
    ),
    ("secret a text", [("secrets.api_key", "hunter2hunter2")], "secrets.api_key", HIDDEN, "such as {kind: password}"),
    ("secret without use", [("secrets.spare", {"kind": "uuid"})], "secrets.spare", "", "add spare to secrets:"),
    (
        "secret not declared",
        [(f"{WORKER}.secrets", ["database_passwrd"])],
        f"{WORKER}.secrets[0]",
        '"database_passwrd"',
        "did you mean database_password?",
    ),
    (
        "secret for no service",
        [("secrets.api_key.environment", {"wrker": "API_KEY"})],
        "secrets.api_key.environment.wrker",
        '"wrker"',
        "did you mean worker?",
    ),
    (
        "secret into no variable",
        [("secrets.api_key.environment", {"worker": "API-KEY"})],
        "secrets.api_key.environment.worker",
        '"API-KEY"',
        "write API_KEY",
    ),
    (
        "variable set twice",
        [(f"{WORKER}.environment", ["API_KEY"])],
        "secrets.api_key.environment.worker",
        '"API_KEY"',
        "remove API_KEY from environment:",
    ),
    (
        "variable filled twice",
        [("secrets.other", {"kind": "uuid", "environment": {"worker": "API_KEY"}})],
        "secrets.other.environment.worker",
        '"API_KEY"',
        "another variable",
    ),
    (
        "template of nothing known",
        [("secrets.database_url.template", "x{{ database_pasword }}")],
        "secrets.database_url.template",
        "database_pasword",
        "did you mean database_password?",
    ),
    (
        "template of nothing",
        [("secrets.database_url.template", "postgres://app:hunter2@database/app")],
        "secrets.database_url.template",
        HIDDEN,
        "!unsafe",
    ),
    (
        "template of itself",
        [("secrets.database_password", {"kind": "template", "template": "{{ database_url }}"})],
        "secrets.database_password.template",
        "database_password -> database_url -> database_password",
        "stand on its own",
    ),
    (
        "bcrypt of nothing known",
        [("secrets.api_key", {"kind": "bcrypt", "of": "nothing_known", "environment": {"worker": "K"}})],
        "secrets.api_key.of",
        "nothing_known",
        "add secrets: {nothing_known:",
    ),
    (
        "provided without value",
        [("secrets.api_key", {"kind": "provided", "environment": {"worker": "K"}})],
        "secrets.api_key.value",
        "nothing",
        "vault_api_key",
    ),
    (
        "template with a filter",
        [("secrets.database_url.template", "x{{ database_password | quote }}")],
        "secrets.database_url.template",
        HIDDEN,
        "filters b64encode, login, urlencode",
    ),
    (
        "template with an expression",
        [("secrets.database_url.template", "x{{ database_password ~ 'hunter2' }}")],
        "secrets.database_url.template",
        HIDDEN,
        "names of secrets, filters",
    ),
    (
        "template with a statement",
        [("secrets.database_url.template", "{% if x %}{{ database_password }}{% endif %}")],
        "secrets.database_url.template",
        HIDDEN,
        "names of secrets, filters",
    ),
    # Databases
    (
        "database on no service",
        [("databases[0].service", "databse")],
        "databases[0].service",
        '"databse"',
        "did you mean database?",
    ),
    ("database engine", [("databases[0].engine", "postgres")], "databases[0].engine", '"postgres"', "write postgresql"),
    (
        "database password unknown",
        [("databases[0].password_secret", "database_pass")],
        "databases[0].password_secret",
        '"database_pass"',
        "did you mean database_password?",
    ),
    (
        "database password unknown to it",
        [(f"{DB}.secrets", REMOVED)],
        "databases[0].password_secret",
        '"database_password"',
        "add database_password to secrets: of database",
    ),
    (
        "database twice",
        [("databases[1]", {"service": "database", "name": "app", "user": "b", "password_secret": "database_password"})],
        "databases[1].name",
        '"app"',
        "remove one of the two",
    ),
    # Firewall, ports and networks
    ("opening of SSH", [("firewall[0].port", 22)], "firewall[0].port", "22", "remove it"),
    ("opening of the web", [("firewall[0].port", 443)], "firewall[0].port", "443", "remove it"),
    ("opening twice", [("firewall[1]", {"port": 9443})], "firewall[1].port", "9443", "into firewall[0].from"),
    (
        "opening for nonsense",
        [("firewall[0].from", ["203.0.113.0/33"])],
        "firewall[0].from[0]",
        '"203.0.113.0/33"',
        "203.0.113.0/24",
    ),
    (
        "opening by list only",
        [("firewall[0].from", "203.0.113.0/24")],
        "firewall[0].from",
        '"203.0.113.0/24"',
        "write a list, such as [203.0.113.0/24]",
    ),
    (
        "host port twice",
        [
            (f"{WORKER}.ports", ["127.0.0.1:9000:1"]),
            (f"{DB}.ports", ["127.0.0.1:9000:2"]),
            ("compose.networks.backend", {"internal": False}),
        ],
        f"{DB}.ports",
        '"127.0.0.1:9000:2"',
        "another host port",
    ),
    (
        "port of nginx",
        [(f"{WORKER}.ports", ["127.0.0.1:443:443"]), ("compose.networks.backend", {"internal": False})],
        f"{WORKER}.ports",
        '"127.0.0.1:443:443"',
        "add a route",
    ),
    (
        "port of sshd in a range",
        [(f"{WORKER}.ports", ["127.0.0.1:20-25:20-25"]), ("compose.networks.backend", {"internal": False})],
        f"{WORKER}.ports",
        '"127.0.0.1:20-25:20-25"',
        "publish another port",
    ),
    (
        "published behind internal networks",
        [(f"{WORKER}.ports", ["127.0.0.1:9000:1"])],
        f"{WORKER}.ports",
        '"127.0.0.1:9000:1"',
        "internal: false",
    ),
    # The Compose file
    ("not YAML", [("compose", "services:\n  web: {image: ]\n")], "compose", "", "correct the Compose file in line 2"),
    ("a key twice", [("compose", "services:\n  web: {image: 'a:1'}\n  web: {image: 'a:1'}")], "compose", "", "line 3"),
    ("no services", [("compose", {"volumes": {}})], "compose", "a mapping", "begins with services:"),
    ("empty text", [("compose", "# nothing")], "compose", "", "begins with services:"),
    ("include", [("compose.include", ["other.yml"])], "compose.include[0]", "", "add compose_folder:"),
    ("include no list", [("compose.include", "other.yml")], "compose.include", '"other.yml"', "one - path a line"),
    ("include of nothing", [("compose.include", [{"env_file": "a.env"}])], "compose.include[0]", "a mapping", "the path of a Compose file"),
    ("include with a key of its own", [("compose.include", [{"file": "a.yml"}])], "compose.include[0]", "a mapping", "write path,"),
    (
        "include by git",
        [("compose.include", ["git@example.com:a/b.git"])],
        "compose.include[0]",
        '"git@example.com:a/b.git"',
        "copy the file",
    ),
    ("include of a list in a list", [("compose.include", [{"path": [["a.yml"]]}])], "compose.include[0]", "a mapping", "a list of paths"),
    ("extends nothing", [(f"{WORKER}.extends", {"service": "wbe"})], f"{WORKER}.extends", "a mapping", "did you mean web?"),
    ("extends itself", [(f"{WORKER}.extends", "worker")], f"{WORKER}.extends", '"worker"', "remove one of these extends"),
    ("extends a number", [(f"{WORKER}.extends", 5)], f"{WORKER}.extends", "5", "write extends: {service: NAME}"),
    (
        "extends with a key of its own",
        [(f"{WORKER}.extends", {"service": "web", "path": "x"})],
        f"{WORKER}.extends",
        "a mapping",
        "write extends:",
    ),
    (
        "extends a file",
        [(f"{WORKER}.extends", {"service": "web", "file": "b.yml"})],
        f"{WORKER}.extends",
        "a mapping",
        "add compose_folder:",
    ),
    ("several, none", [("compose", [])], "compose", "an empty list", "one entry for each file"),
    ("several, a name", [("compose", ["docker-compose.yml"])], "compose[0]", '"docker-compose.yml"', "write {file: docker-compose.yml}"),
    ("several, a number", [("compose", [COMPOSE, 5])], "compose[1]", "5", "write {file:"),
    ("several, no file", [("compose", [{"content": "services: {}"}])], "compose[0].file", "nothing", "write {file:"),
    ("several, a misspelt key", [("compose", [{"file": "a.yml", "contents": "x"}])], "compose[0].contents", "", "did you mean content?"),
    ("several, content a list", [("compose", [{"file": "a.yml", "content": []}])], "compose[0].content", "an empty list", "write {file:"),
    ("several, without a folder", [("compose", [COMPOSE, {"file": "prod.yml"}])], "compose", "", "add compose_folder:"),
    ("several, unlike", [("compose", [COMPOSE, "services: {web: {secrets: {a: b}}}"])], "compose", "", "tag it !override"),
    ("several, no YAML", [("compose", [COMPOSE, {"file": "b.yml", "content": "a: ]"}])], "compose", "", "in line 1"),
    ("compose_folder relative", [("compose_folder", "app")], "compose_folder", '"app"', "inventory_dir"),
    ("profiles no list", [("profiles", "ha")], "profiles", '"ha"', "write a list"),
    ("profile unknown", [("profiles", ["ha"])], "profiles[0]", '"ha"', "there is no profile"),
    ("profile misspelt", [("profiles", ["hb"]), (f"{WORKER}.profiles", ["ha"])], "profiles[0]", '"hb"', "use one of ha"),
    ("profile of a dependency is off", [(f"{DB}.profiles", ["ha"])], f"{WEB}.depends_on", '"database"', "add profiles: [ha]"),
    ("profile of a route is off", [(f"{WEB}.profiles", ["ha"])], "routes[0].service", '"web"', "add profiles: [ha]"),
    ("profile of a database is off", [(f"{DB}.profiles", ["ha"])], "databases[0].service", '"database"', "add profiles: [ha]"),
    ("service key misspelt", [(f"{WORKER}.enviroment", {})], f"{WORKER}.enviroment", "", "did you mean environment?"),
    ("no image", [(f"{WORKER}.image", REMOVED)], f"{WORKER}.image", "", "push the image to a registry"),
    ("image reference", [(f"{WORKER}.image", "Acme/Worker:1")], f"{WORKER}.image", '"Acme/Worker:1"', "in lower case"),
    (
        "depends on nothing",
        [(f"{WORKER}.depends_on", ["databse"])],
        f"{WORKER}.depends_on",
        '"databse"',
        "did you mean database?",
    ),
    (
        "condition",
        [(f"{WEB}.depends_on.database.condition", "healthy")],
        f"{WEB}.depends_on.database.condition",
        '"healthy"',
        "write service_healthy",
    ),
    (
        "network unknown",
        [(f"{WORKER}.networks", ["backnd"])],
        f"{WORKER}.networks",
        '"backnd"',
        "did you mean backend?",
    ),
    ("port nonsense", [(f"{WORKER}.ports", ["http"])], f"{WORKER}.ports[0]", '"http"', "127.0.0.1:8080:8080"),
    (
        "variable unset",
        [(f"{WORKER}.image", "acme/worker:${TAG}")],
        f"{WORKER}.image",
        "${TAG}",
        "add environment: {TAG: …}",
    ),
    ("dollar and a brace", [(f"{WORKER}.command", "cost 5${")], f"{WORKER}.command", "", "write $$"),
    ("another name", [("compose.name", "other")], "compose.name", "other", "write name: acme"),
    ("name of a file", [("compose", "compose.yml")], "compose", "", "lookup('ansible.builtin.template'"),
    ("anchor in itself", [("compose", "services: &a {web: *a}")], "compose", "", "remove the alias"),
    ("healthcheck without unit", [(f"{DB}.healthcheck.interval", 10)], f"{DB}.healthcheck.interval", "10", "such as 500ms, 60s"),
    ("healthcheck interval", [(f"{DB}.healthcheck.interval", "often")], f"{DB}.healthcheck.interval", '"often"', "such as 500ms, 60s"),
    ("stop grace period", [(f"{DB}.stop_grace_period", "30")], f"{DB}.stop_grace_period", '"30"', "such as 500ms, 60s"),
    (
        "memory limit",
        [(f"{DB}.deploy", {"resources": {"limits": {"memory": "lots"}}})],
        f"{DB}.deploy.resources.limits.memory",
        '"lots"',
        "such as 10m",
    ),
    ("service name", [("compose.services.a/b", {"image": "a:1"})], "compose.services", '"a/b"', "letters, digits"),
    ("restart of what ends", [("compose.services.migrate.restart", "always")], "services.migrate.expect", '"completed"', "remove restart:"),
    ("secret as variable", [("environment.LOG_LEVEL", "postgres://u:hunter2@h/")], "environment.LOG_LEVEL", HIDDEN, "kind: provided"),
    ("service a text", [("compose.services.extra", "a:1")], "compose.services.extra", '"a:1"', "at least image:"),
    ("networks a list", [("compose.networks", ["backend"])], "compose.networks", "a list of 1", "write networks: and one name:"),
    ("networks a text", [(f"{WORKER}.networks", "backend")], f"{WORKER}.networks", '"backend"', "write networks: [a, b]"),
    ("ports a text", [(f"{WORKER}.ports", "9000")], f"{WORKER}.ports", '"9000"', "one - entry a line"),
    ("environment a text", [(f"{WORKER}.environment", "A=1")], f"{WORKER}.environment", "", "environment: {NAME: value}"),
    ("replicas a word", [(f"{WORKER}.deploy", {"replicas": "two"})], f"{WORKER}.deploy.replicas", '"two"', "write 1, 2, 3"),
    ("port without target", [(f"{WORKER}.ports", [{"published": 1}])], f"{WORKER}.ports[0]", "a mapping", "add target:"),
    ("port a flag", [(f"{WORKER}.ports", [True])], f"{WORKER}.ports[0]", "true", "127.0.0.1:8080:8080"),
    ("volume without target", [(f"{WORKER}.volumes", [{"source": "x"}])], f"{WORKER}.volumes[0]", "a mapping", "add target:"),
    ("volume a number", [(f"{WORKER}.volumes", [5])], f"{WORKER}.volumes[0]", "5", "name:/path/in/container"),
    ("secret use a number", [(f"{WORKER}.secrets", [5])], f"{WORKER}.secrets[0]", "5", "source: name"),
    # What production refuses
    ("engine socket by its key", [(f"{WORKER}.use_api_socket", True)], f"{WORKER}.volumes", '"/var/run/docker.sock"', "[docker_socket]"),
    (
        "privileged",
        [(f"{WORKER}.privileged", True)],
        f"{WORKER}.privileged",
        "privileged: true",
        "services.worker.allow: [privileged]",
    ),
    (
        "all capabilities",
        [(f"{WORKER}.cap_add", ["ALL"])],
        f"{WORKER}.cap_add",
        "cap_add: ALL",
        "services.worker.allow: [privileged]",
    ),
    (
        "pid of the host",
        [(f"{WORKER}.pid", "host")],
        f"{WORKER}.pid",
        "pid: host",
        "services.worker.allow: [privileged]",
    ),
    (
        "host network",
        [(f"{WORKER}.network_mode", "host"), (f"{WORKER}.networks", REMOVED)],
        f"{WORKER}.network_mode",
        '"host"',
        "[host_network]",
    ),
    (
        "engine socket",
        [(f"{WORKER}.volumes", ["/var/run/docker.sock:/s:ro"])],
        f"{WORKER}.volumes",
        '"/var/run/docker.sock"',
        "[docker_socket]",
    ),
    (
        "engine socket by its folder",
        [(f"{WORKER}.volumes", [{"type": "bind", "source": "/run", "target": "/r"}])],
        f"{WORKER}.volumes",
        '"/run"',
        "[docker_socket]",
    ),
    ("latest", [(f"{WORKER}.image", "acme/worker:latest")], f"{WORKER}.image", '"acme/worker:latest"', "[latest_tag]"),
    ("no tag", [(f"{WORKER}.image", "reg:5000/acme/worker")], f"{WORKER}.image", '"acme/worker"', "acme/worker:1.4.2"),
    (
        "plain password",
        [(f"{DB}.environment", {"POSTGRES_PASSWORD": "hunter2"})],
        f"{DB}.environment.POSTGRES_PASSWORD",
        HIDDEN,
        "POSTGRES_PASSWORD_FILE",
    ),
    (
        "password in an address",
        [(f"{WORKER}.environment", ["BROKER=amqp://u:hunter2@mq/"])],
        f"{WORKER}.environment.BROKER",
        HIDDEN,
        "environment: {worker: BROKER}",
    ),
    (
        "published everywhere",
        [(f"{WORKER}.ports", ["9000:9000"]), ("compose.networks.backend", {"internal": False})],
        f"{WORKER}.ports",
        '"9000:9000"',
        'write "127.0.0.1:9000:9000"',
    ),
    (
        "published anywhere",
        [(f"{WORKER}.ports", [9000]), ("compose.networks.backend", {"internal": False})],
        f"{WORKER}.ports",
        '"9000"',
        "[publish_all]",
    ),
    ("routed without healthcheck", [(f"{WEB}.healthcheck", REMOVED)], f"{WEB}.healthcheck", "", "add healthcheck:"),
    ("healthcheck disabled", [(f"{DB}.healthcheck", {"test": ["NONE"]})], f"{DB}.healthcheck", "", "[no_healthcheck]"),
    (
        "healthy without healthcheck",
        [("services.worker", {"expect": "healthy"})],
        f"{WORKER}.healthcheck",
        "",
        "[no_healthcheck]",
    ),
]


@pytest.mark.parametrize(("changes", "key", "value", "fix"), [pytest.param(*case[1:], id=case[0]) for case in CASES])
def test_malformed_is_refused(changes: list[tuple[str, Any]], key: str, value: str, fix: str) -> None:
    stack = changed(*changes)
    found = problems(stack)
    at_key = [problem for problem in found if problem.key == key]
    assert at_key, f"no error at {key}, but: {report(found)}"
    assert any(problem.value == value and fix in problem.fix for problem in at_key), report(found)
    assert all("hunter2" not in str(problem) for problem in found)
    with pytest.raises(InvalidDeclaration) as refused:
        load(stack)
    assert key in str(refused.value)


def test_there_are_many_cases_and_each_is_another() -> None:
    assert len(CASES) >= 100
    assert len({case[0] for case in CASES}) == len(CASES)


@pytest.mark.parametrize("name", ["key misspelt", "timeout", "waiver unused", "latest", "engine socket", "header name"])
def test_one_mistake_is_one_error(name: str) -> None:
    changes = next(case[1] for case in CASES if case[0] == name)
    assert len(problems(changed(*changes))) == 1


def test_errors_are_reported_together() -> None:
    stack = changed(
        ("name", "Acme"),
        ("routes[0].service", "wbe"),
        ("routes[1].timeout", "soon"),
        ("secrets.spare", {"kind": "uuid"}),
        ("compose.services.worker.image", "acme/worker"),
        ("firewall[0].from", ["203.0.113.9/24"]),
    )
    keys = {problem.key for problem in problems(stack)}
    assert keys == {
        "name",
        "routes[0].service",
        "routes[1].timeout",
        "secrets.spare",
        "compose.services.worker.image",
        "firewall[0].from[0]",
    }
    lines = report(problems(stack)).splitlines()
    assert lines[0] == "ops_stack has 6 errors; nothing was changed:"
    assert len(lines) == 13


def test_a_wrong_compose_file_does_not_hide_the_other_errors() -> None:
    keys = {problem.key for problem in problems(changed(("compose", "services: ["), ("routes[0].port", 0)))}
    assert {"compose", "routes[0].port"} <= keys


def test_the_report_says_where_what_and_how() -> None:
    assert report(problems(changed(("routes[0].service", "wbe")))).splitlines() == [
        "ops_stack has one error; nothing was changed:",
        '1. routes[0].service: leads to a service that the Compose file lacks (found "wbe")',
        "   -> did you mean web? Or remove it",
    ]


@pytest.mark.parametrize("stack", [[], [1], 5, "text", {"name": None}])
def test_something_else_than_a_declaration(stack: Any) -> None:
    assert problems(stack)


SECRET = "correct-horse-battery-staple"


@pytest.mark.parametrize(
    "secret",
    [
        SECRET,
        [SECRET],
        {"kind": SECRET + "\n", "value": SECRET} | {"kind": "nonsense"},
        {"kind": "password", "vlaue": SECRET},
        {"kind": "password", "value": [SECRET]},
        {"kind": "password", "value": {"a": SECRET}},
        {"kind": "provided", "value": 5, "template": SECRET},
        {"kind": "template", "template": SECRET},
        {"kind": "password", "length": 1, "value": SECRET},
    ],
)
def test_a_secret_value_is_never_in_an_error(secret: Any) -> None:
    found = problems(changed(("secrets.api_key", secret)))
    assert found
    assert SECRET not in repr(found)
