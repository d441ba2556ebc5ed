# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What others have set up on a host is named before it would stop working."""

from __future__ import annotations

import pytest
import yaml
from ansible_collections.latentum.ops.plugins.module_utils.preflight import checks, nginx_sites

from .hosts import ROOT, RecordedHost, wanted

UFW_DOCKER = """\
*filter
:ufw-after-input - [0:0]
COMMIT

# BEGIN UFW AND DOCKER
*filter
:DOCKER-USER - [0:0]
-A DOCKER-USER -j ufw-user-forward
COMMIT
# END UFW AND DOCKER
"""
# nginx.conf as Debian, and as nginx.org packages it.
DEBIAN = "http {\n  include /etc/nginx/mime.types;\n  include /etc/nginx/conf.d/*.conf;\n  include /etc/nginx/sites-enabled/*;\n}\n"
UPSTREAM = "http {\n  #gzip on;\n  include /etc/nginx/conf.d/*.conf;\n}\n"
LEGACY = "server {\n  server_name legacy.example.test www.example.test;\n  location / { proxy_pass http://127.0.0.1:3000; }\n}\n"
WELCOME = "server {\n  listen 80 default_server;\n  root /var/www/html;\n  server_name _;\n}\n"
WELCOME_UPSTREAM = "server {\n  location / {\n    root   /usr/share/nginx/html;\n  }\n  # proxy_pass http://127.0.0.1;\n}\n"
CONF_D, ENABLED = "/etc/nginx/conf.d", "/etc/nginx/sites-enabled"


def found(role: str, files: dict[str, str], **given: object) -> str:
    """What stands against a role on a host with these files."""
    return "\n".join(map(str, checks.look(wanted(role, addresses=[], **given), RecordedHost(files=files)).problems))


@pytest.mark.parametrize("file", ["after.rules", "after6.rules"])
def test_the_rules_of_ufw_docker_are_named(file: str) -> None:
    files = {f"/etc/ufw/{file}": UFW_DOCKER}
    report = found("firewall", files, docker=True)
    assert f"lines 7 to 8 (below '# BEGIN UFW AND DOCKER') of /etc/ufw/{file}" in report and "firewall_docker: false" in report
    assert found("firewall", files, docker=False) == "" == found("firewall", {}, docker=True)


def test_a_site_that_would_go_dark_is_named() -> None:
    report = found("nginx", {nginx_sites.MAIN: DEBIAN, f"{CONF_D}/legacy.conf": LEGACY, f"{ENABLED}/shop": LEGACY}, http_directives=[])
    assert "/etc/nginx/conf.d/legacy.conf serves legacy.example.test www.example.test" in report
    assert 'nginx_http_directives: ["include /etc/nginx/sites-enabled/shop;"]' in report


NOTHING_LOST = {
    "a bare host": {},
    "as Debian installs it": {nginx_sites.MAIN: DEBIAN, f"{ENABLED}/default": WELCOME},
    "as nginx.org installs it": {nginx_sites.MAIN: UPSTREAM, f"{CONF_D}/default.conf": WELCOME_UPSTREAM},
    "no site": {nginx_sites.MAIN: DEBIAN, f"{CONF_D}/gzip.conf": "gzip_types text/css;\n# server {}\n"},
    "not served": {nginx_sites.MAIN: UPSTREAM, f"{ENABLED}/old": LEGACY},
    "ours already": {nginx_sites.MAIN: f"http {{\n  {nginx_sites.OURS}\n}}\n", f"{CONF_D}/late.conf": LEGACY},
}


@pytest.mark.parametrize("name", NOTHING_LOST)
def test_nothing_is_said_where_nothing_is_lost(name: str) -> None:
    assert found("nginx", NOTHING_LOST[name], http_directives=[]) == ""


@pytest.mark.parametrize("include", [f"include {CONF_D}/legacy.conf;", f"include {CONF_D}/*.conf;"])
def test_a_site_that_is_included_stays(include: str) -> None:
    assert found("nginx", {nginx_sites.MAIN: DEBIAN, f"{CONF_D}/legacy.conf": LEGACY}, http_directives=["gzip_vary on;", include]) == ""


def test_sites_of_others_that_are_kept_are_no_problem() -> None:
    files = {nginx_sites.MAIN: DEBIAN, f"{CONF_D}/legacy.conf": LEGACY}
    assert found("nginx", files, http_directives=[], keep_foreign=True) == "" == found("nginx", {}, http_directives=[], keep_foreign=True)


@pytest.mark.parametrize(
    ("main", "fix"),
    [
        (f"http {{\n  {nginx_sites.OURS}\n}}\n", "nginx_keep_foreign: false"),
        ("http {\n  # include /etc/nginx/conf.d/*.conf;\n  include /etc/nginx/vhosts/*;\n}\n", "write `include /etc/nginx/conf.d/*.conf;`"),
    ],
)
def test_an_nginx_conf_that_would_not_lead_to_ours_is_named(main: str, fix: str) -> None:
    assert fix in found("nginx", {nginx_sites.MAIN: main}, http_directives=[], keep_foreign=True)


@pytest.mark.parametrize(
    ("listen", "refused"),
    [("listen 443 ssl;", True), ("listen 443 ssl proxy_protocol;", False), ("listen 8443 ssl;", False), ("", True)],
)
def test_proxy_protocol_is_not_asked_of_clients_of_others(listen: str, refused: bool) -> None:
    """nginx takes the parameter for an address, of all servers that listen there."""
    files = {nginx_sites.MAIN: DEBIAN, f"{ENABLED}/old": f"server {{ {listen} server_name old.example.test; }}"}
    report = found("nginx", files, http_directives=[], keep_foreign=True, proxy_protocol=True)
    assert ("write proxy_protocol into their `listen`" in report) is refused and (not refused or "nginx_proxy_protocol: false" in report)


def test_role_nginx_writes_what_the_check_knows_it_by() -> None:
    assert nginx_sites.OURS in (ROOT / "roles/nginx/templates/etc/nginx/nginx.conf.j2").read_text()


def test_what_fails_after_nginx_serves_keeps_no_certificate_from_being_issued() -> None:
    """A failed backup left every site with its placeholder."""
    (play,) = [play for play in yaml.safe_load((ROOT / "playbooks/site.yml").read_text()) if "tasks" in play and len(play["tasks"]) > 2]
    roles = [task["ansible.builtin.import_role"]["name"] for task in play["tasks"] if "ansible.builtin.import_role" in task]
    last = play["tasks"][-1]
    assert roles[-1] == "latentum.ops.nginx" and "block" in last
    assert [task["ansible.builtin.import_role"]["name"] for task in last["always"]] == ["latentum.ops.certbot"]


@pytest.mark.parametrize(
    ("stat", "refused"),
    [("775 1000 1000", True), ("777 0 0", True), ("2775 0 4", True), ("755 1000 1000", False), ("775 0 0", False), ("", False)],
)
def test_a_folder_whose_logs_would_not_be_rotated_is_named(stat: str, refused: bool) -> None:
    host = RecordedHost(outputs={"stat --format=%a %u %g /srv/app/logs": stat})
    entry = {"paths": ["/srv/app/logs/*.log"]}
    report = "\n".join(map(str, checks.look(wanted("log_rotation", files=[entry]), host).problems))
    uid, gid = (stat.split() or ["", "", ""])[1:3]
    assert bool(report) == refused and (not refused or f'add su: "{uid} {gid}"' in report)
    assert checks.look(wanted("log_rotation", files=[{**entry, "su": "1000 1000"}]), host).problems == []
