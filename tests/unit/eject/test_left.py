# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stack that is ejected: the project, nginx, backups and units that are left, judged by the programs that have to read them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.latentum.ops.plugins.module_utils.backup.settings import Settings
from ansible_collections.latentum.ops.plugins.module_utils.compose import model
from ansible_collections.latentum.ops.plugins.module_utils.compose.yaml_writer import dump
from ansible_collections.latentum.ops.plugins.module_utils.contracts.rollout_policy import Policy, policies_from
from ansible_collections.latentum.ops.plugins.module_utils.contracts.update_safety import HOST_PORT, unsafe
from ansible_collections.latentum.ops.plugins.module_utils.contracts.upstreams import Upstream
from ansible_collections.latentum.ops.plugins.module_utils.eject import backup_script, nginx_files, project
from ansible_collections.latentum.ops.plugins.module_utils.eject.project import NotEjected, ejected
from ansible_collections.latentum.ops.plugins.module_utils.nginx import site_file
from ansible_collections.latentum.ops.plugins.module_utils.release.store import Release

STORE = "/etc/latentum-ops/secrets/shop"
DIGEST = f"sha256:{'a' * 64}"
HEALTHY: dict[str, Any] = {"test": ["CMD", "true"]}
PROJECT: dict[str, Any] = {
    "name": "shop",
    "services": {
        "web": {
            "image": f"registry/web:1@{DIGEST}",
            "deploy": {"replicas": 2},
            "healthcheck": HEALTHY,
            "secrets": [{"source": "web.token", "target": "token"}],
            "labels": {"com.latentum.ops.definition": "abc"},
        },
        "api": {
            "image": f"registry/api:1@{DIGEST}",
            "healthcheck": HEALTHY,
            "networks": {"back": {"aliases": ["backend"]}},
            "env_file": [f"{STORE}/env/api.env"],
            "ports": ["127.0.0.1:9000:9000"],
        },
        "database": {
            "image": f"postgres:17@{DIGEST}",
            "healthcheck": HEALTHY,
            "networks": ["back"],
            "volumes": ["data:/var/lib/postgresql"],
        },
    },
    "networks": {"default": {"internal": True}, "back": {"internal": True}, "out": {}},
    "volumes": {"data": None},
    "secrets": {"web.token": {"file": f"{STORE}/services/web/token"}, "own": {"file": "./own.txt"}},
}
SERVICES = [{"service": name, "expect": "healthy", "replicas": 2 if name == "web" else 1} for name in PROJECT["services"]]
LIVE = Release("shop", "/opt/shop", PROJECT, {"TAG": "1"}, SERVICES, [])
UPSTREAMS = [Upstream("shop_web_8080", "shop", "web", 8080), Upstream("shop_api_80", "shop", "api", 80, "round_robin", 0)]
BACKUPS = Settings.from_dict(
    {
        "stack": "shop",
        "directory": "/opt/shop",
        "clusters": [{"service": "database", "admin": "shop", "databases": ["shop", "odd name"], "password_file": f"{STORE}/replication"}],
        "caches": [{"service": "cache", "password_file": f"{STORE}/redis"}],
        "volumes": [
            {"name": "uploads", "services": ["web"], "exclude": ["*.tmp", "a b"]},
            {"name": "state", "services": ["api", "web"], "mode": "paused", "before": [["sh", "-c", "echo 'begin'"]]},
        ],
        "paths": ["/srv/it's here"],
        "targets": [
            {
                "name": "nas",
                "repository": "sftp:backup@nas:/shop",
                "key_file": f"{STORE}/backup_key_nas",
                "ssh_key_file": f"{STORE}/nas_key",
            },
            {
                "name": "s3-eu",
                "repository": "s3:https://s3.example.com/shop",
                "key_file": f"{STORE}/backup_key_s3_eu",
                "environment": {"AWS_SECRET_ACCESS_KEY": f"{STORE}/s3"},
                "append_only": True,
            },
        ],
    }
)
COMPOSE = next(
    (
        argv
        for argv in (["docker", "compose"], ["docker-compose"])
        if shutil.which(argv[0]) and not subprocess.run([*argv, "version"], capture_output=True, check=False).returncode
    ),
    None,
)


def left(**changes: Any) -> project.EjectedProject:
    return ejected(replace(LIVE, **changes), UPSTREAMS)


def test_routed_services_get_as_many_ports_of_loopback_as_they_have_containers() -> None:
    found = left()
    assert [one.written() for one in found.listening] == ["127.0.0.1:18080-18081:8080", "127.0.0.1:18082:80"]
    assert found.project["services"]["web"]["ports"] == ["127.0.0.1:18080-18081:8080"]
    assert found.project["services"]["api"]["ports"] == ["127.0.0.1:9000:9000", "127.0.0.1:18082:80"]
    assert "ports" not in found.project["services"]["database"]
    assert PROJECT["services"]["web"].get("ports") is None  # the release stays what it is


def test_ports_that_something_listens_at_are_passed_over() -> None:
    found = ejected(LIVE, UPSTREAMS, {18081, 18083})
    assert [one.published for one in found.listening] == [(18084, 18085), (18080,)]
    with pytest.raises(NotEjected, match="no 2 free ports in a row"):
        ejected(LIVE, UPSTREAMS, set(range(18080, 19000, 2)))


def test_a_second_time_it_is_the_same_project() -> None:
    """Its own containers listen at the ports by then."""
    first = left()
    again = ejected(replace(LIVE, project=dict(first.project)), UPSTREAMS, {18080, 18081, 18082})
    assert again.project == first.project and again.listening == first.listening and again.secrets == {}


def test_a_service_in_internal_networks_alone_joins_one_whose_ports_are_published() -> None:
    """Docker publishes no port of an internal network, and says nothing about it."""
    services = left().project["services"]
    assert services["web"]["networks"] == ["default", "published"]
    assert services["api"]["networks"] == {"back": {"aliases": ["backend"]}, "published": None}
    assert services["database"]["networks"] == ["back"]
    assert left().project["networks"]["published"]["driver_opts"]["com.docker.network.bridge.enable_ip_masquerade"] == "false"
    open_one = {**PROJECT, "networks": {"default": {}, "back": {}, "out": {}}}
    assert "published" not in left(project=open_one).project["networks"]


def test_secrets_lie_beside_the_project_and_others_stay() -> None:
    found = left()
    assert found.project["secrets"] == {"web.token": {"file": "./secrets/services/web/token"}, "own": {"file": "./own.txt"}}
    assert found.project["services"]["api"]["env_file"] == ["./secrets/env/api.env"]
    assert {str(source): str(target) for source, target in found.secrets.items()} == {
        f"{STORE}/services/web/token": "secrets/services/web/token",
        f"{STORE}/env/api.env": "secrets/env/api.env",
    }


def test_images_stay_by_digest_and_labels_stay_so_that_nothing_is_created_anew() -> None:
    web = left().project["services"]["web"]
    assert web["image"].endswith(DIGEST) and web["labels"] == PROJECT["services"]["web"]["labels"] and web["deploy"] == {"replicas": 2}


def test_the_rollout_to_ports_is_safe_by_its_own_waiver_that_no_declaration_has() -> None:
    parsed = model.parse(dict(left().project), {}, [])
    assert [one.waiver for one in unsafe(parsed.services["web"], "rolling", ())] == [HOST_PORT]
    assert unsafe(parsed.services["web"], "rolling", [HOST_PORT]) == []
    assert policies_from([{"service": "web", "allow": [HOST_PORT]}], tolerant=False)["web"] == Policy("web", allow=(HOST_PORT,))


@pytest.mark.skipif(COMPOSE is None, reason="docker compose is not here")
def test_compose_reads_the_project(tmp_path: Path) -> None:
    found = left()
    for target in found.secrets.values():
        (tmp_path / target).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / target).write_text("A=b\n")
    (tmp_path / "compose.yaml").write_text(dump(dict(found.project)))
    clean = {name: os.environ[name] for name in ("PATH", "HOME")}
    argv = [*(COMPOSE or []), "--project-directory", str(tmp_path), "config", "--format", "json"]
    done = subprocess.run(argv, cwd=tmp_path, env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    read = json.loads(done.stdout)
    (port,) = read["services"]["web"]["ports"]
    assert (port["host_ip"], port["target"], port["published"]) == ("127.0.0.1", 8080, "18080-18081")
    assert read["services"]["web"]["deploy"]["replicas"] == 2 and "published" in read["services"]["web"]["networks"]
    assert read["secrets"]["web.token"]["file"] == str(tmp_path / "secrets/services/web/token")
    assert read["services"]["api"]["environment"] == {"A": "b"}


# nginx

SITE = """#
# Ansible managed
#
limit_req_zone $ops_client zone=limit_shop_0:10m rate=5r/s;
server {
    listen 443 ssl;
    ssl_certificate /etc/latentum-ops/tls/shop.example.com/fullchain.pem;
    ssl_certificate_key /etc/latentum-ops/tls/shop.example.com/privkey.pem;
    server_name shop.example.com;
    location = /status {
        return 308 /status/;
    }
    location ^~ /status/ {
        alias /run/latentum-ops-watchdog/page/shop/;
        index index.html;
        add_header X-A "}" always;
        ssi on;
    }
    location ^~ /deploy/ {
        proxy_set_header X-A "}";
        proxy_pass http://unix:/run/latentum-ops-receiver.sock;
    }
    location / {
        proxy_pass http://shop_web_8080;
    }
}
"""


def test_a_site_names_the_certificate_where_certbot_keeps_it_and_no_page_of_the_watchdog() -> None:
    assert nginx_files.certificates_of(SITE) == ["shop.example.com"]
    text = nginx_files.site(SITE, {"shop.example.com": "/etc/letsencrypt/live/shop.example.com"})
    assert "latentum-ops" not in text.replace("latentum.ops", "") and "Ansible managed" not in text
    assert "ssl_certificate /etc/letsencrypt/live/shop.example.com/fullchain.pem;" in text
    assert "    location ^~ /status/ {\n        # The status page went with the watchdog.\n        return 410;\n    }\n" in text
    assert "    location ^~ /deploy/ {\n        # Releases that come by themselves went with the engine.\n        return 410;\n" in text
    assert "proxy_pass http://shop_web_8080;" in text and text.count("{") == text.count("}")
    assert text.count("\n    location") == 4 and "limit_req_zone" in text
    assert nginx_files.site(text, {}) == text


def test_upstreams_ask_loopback() -> None:
    web, api = UPSTREAMS
    text = nginx_files.upstream(web, left().listening)
    assert text.startswith("# Left by latentum.ops") and "max_fails" not in text
    assert [line.strip() for line in text.splitlines() if "server " in line] == ["server 127.0.0.1:18080;", "server 127.0.0.1:18081;"]
    assert "least_conn" in text and "keepalive 32" in text
    plain = nginx_files.upstream(api, left().listening)
    assert "keepalive" not in plain and "least_conn" not in plain


def test_nginx_has_its_own_reload_again() -> None:
    reload = "# A reload that nginx refuses is a failed reload.\nExecReload=\nExecReload=/usr/lib/x\n"
    written = f"# Ansible managed\n[Service]\n{reload}Restart=always\n"
    text = nginx_files.drop_in(written)
    assert text == site_file.LEFT + "[Service]\nRestart=always\n"


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not here")
def test_nginx_accepts_what_is_left(tmp_path: Path) -> None:
    key, certificate = tmp_path / "privkey.pem", tmp_path / "fullchain.pem"
    request = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x"]
    subprocess.run([*request, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    upstreams = "".join(nginx_files.upstream(one, left().listening) for one in UPSTREAMS)
    site = nginx_files.site(SITE, {"shop.example.com": str(tmp_path)}).replace("$ops_client", "$remote_addr")
    folders = "".join(f"{kind}_temp_path {tmp_path}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    main = f"pid {tmp_path}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n{folders}{upstreams}{site}}}\n"
    (tmp_path / "nginx.conf").write_text(main)
    done = subprocess.run(["nginx", "-t", "-p", str(tmp_path), "-c", "nginx.conf"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# Backups


def backup() -> str:
    moved = {path: Path("/opt/shop/secrets/backup") / path.name for path in backup_script.secrets_of(BACKUPS)}
    return backup_script.script(BACKUPS, moved, Path("/opt/shop/backup/known_hosts"))


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not here")
def test_a_shell_checker_has_nothing_against_the_script(tmp_path: Path) -> None:
    (tmp_path / "backup.sh").write_text(backup())
    done = subprocess.run(["shellcheck", "backup.sh"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_script_backs_up_to_every_target_also_when_one_of_them_fails(tmp_path: Path) -> None:
    """Run by bash, with programs that write down how they were called."""
    programs, log = tmp_path / "bin", tmp_path / "log"
    programs.mkdir()
    (tmp_path / "secrets").mkdir()
    text = backup().replace("/opt/shop/secrets/backup", str(tmp_path / "secrets")).replace("cd /opt/shop", f"cd {tmp_path}")
    text = text.replace("work=/var/backups/shop", f"work={tmp_path}/work").replace("--reflink=auto", "")
    (tmp_path / "volume").mkdir()
    recorder = f'#!/bin/bash\nprintf "%q " "${{0##*/}}" "$@" >>{log}\necho >>{log}\n'
    (programs / "docker").write_text(f'{recorder}[ "$1" = volume ] && echo {tmp_path}/volume || true\n')
    (programs / "restic").write_text(
        f'{recorder}echo "env $RESTIC_REPOSITORY $RESTIC_PASSWORD_FILE ${{AWS_SECRET_ACCESS_KEY:-}}" >>{log}\n'
        "[[ $RESTIC_REPOSITORY != sftp* ]]\n"
    )
    for program in programs.iterdir():
        program.chmod(0o755)
    for secret in backup_script.secrets_of(BACKUPS):
        (tmp_path / "secrets" / secret.name).write_text(f"value of {secret.name}\n")
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", text], env=environment, capture_output=True, text=True, check=False)
    calls = log.read_text().splitlines()
    assert done.returncode == 1 and "nas: the backup failed" in done.stderr
    assert any("env s3:https://s3.example.com/shop" in line and "value of s3" in line for line in calls)
    assert not any("value of" in line for line in calls if not line.startswith("env "))  # no secret among arguments
    restic = [line for line in calls if line.startswith("restic")]
    assert len(restic) == 2 and all("--tag=ejected" in line and r"\*.tmp" in line and r"it\'s" in line for line in restic)
    assert not any("forget" in line for line in restic)  # the first failed, the other one is append-only
    paused, resumed = (
        next(number for number, line in enumerate(calls) if f"compose {verb} api web" in line) for verb in ("pause", "unpause")
    )
    assert paused < resumed and (tmp_path / "work/state").is_dir()
    dumps = {path.name for path in (tmp_path / "work").iterdir() if path.is_file()}
    assert dumps == {"database.globals.sql", "database.shop.dump", "database.odd name.dump", "cache.rdb"}


def test_what_the_engine_has_kept_is_not_forgotten() -> None:
    forget = [line for line in backup().splitlines() if " forget " in line]
    assert len(forget) == 1 and "--tag=ejected" in forget[0] and "--keep-daily=30" in forget[0]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
def test_systemd_reads_the_units(tmp_path: Path) -> None:
    script = tmp_path / "backup.sh"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    (tmp_path / "shop-backup.service").write_text(backup_script.service("shop", script))
    (tmp_path / "shop-backup.timer").write_text(backup_script.timer(BACKUPS))
    for unit in ("shop-backup.service", "shop-backup.timer"):
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(tmp_path / unit)], capture_output=True, text=True, check=False)
        assert done.returncode == 0 and unit not in done.stderr, done.stderr


def test_the_project_reads_back_as_it_was() -> None:
    assert yaml.safe_load(dump(dict(left().project))) == left().project
