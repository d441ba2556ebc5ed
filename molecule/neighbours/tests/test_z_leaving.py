# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The last stack leaves: what serves, renews, rotates and backs up without this collection, and the way back. After all other tests."""

from __future__ import annotations

import json

import pytest
from conftest import HOST, changes, only, playbook, sh, steady


def _certificate() -> str:
    return sh("openssl x509 -in /etc/letsencrypt/live/blog.neighbours.example.test/cert.pem -noout -serial")


def _served() -> str:
    """The serial number that a client is shown."""
    asked = (
        f"echo | openssl s_client -connect {HOST}:443 -servername blog.neighbours.example.test 2>/dev/null | openssl x509 -noout -serial"
    )
    return sh(asked)


def test_a_wrong_name_ejects_nothing() -> None:
    before = sh("docker ps --no-trunc -q | sort; ls /opt/blog")
    done = playbook("eject", only("blog"), {"eject_confirm": "shop"})
    assert done.returncode != 0 and "write -e eject_confirm=blog" in done.stdout
    assert sh("docker ps --no-trunc -q | sort; ls /opt/blog") == before


@pytest.mark.matrix
def test_what_would_happen_is_shown_and_does_not() -> None:
    before = sh("docker ps --no-trunc -q | sort; find /opt/blog /etc/nginx -type f | sort")
    done = playbook("eject", only("blog"), arguments=("--check", "--diff"))
    assert done.returncode == 0 and "it would be ejected" in done.stdout, done.stdout[-3000:]
    assert sh("docker ps --no-trunc -q | sort; find /opt/blog /etc/nginx -type f | sort") == before


def test_the_last_stack_leaves_without_a_lost_request_and_takes_the_engine_with_it() -> None:
    with steady("blog") as requests:
        done = playbook("eject", only("blog"), {"eject_confirm": "blog"})
    assert done.returncode == 0, done.stdout[-3000:]
    assert requests["lost"] == requests["closed"] == [] and requests["answered"] > 50, requests
    assert sh("command -v opsctl; find /usr/lib/latentum-ops -type f 2>/dev/null | grep -v disk-guard; true") == ""
    # What roles of the host have recorded stays for their next run; nothing secret is among it.
    assert sh("ls /etc/latentum-ops").split() == ["deviations", "disk-guard.json", "docker-daemon.json"]
    assert sh("ls -A /var/lib/latentum-ops/stacks; ls -A /var/lib/latentum-ops | grep -i secret; true") == ""
    assert sh("systemctl list-units --all --plain --no-legend 'latentum-ops*' | grep -w running; true") == ""
    again = playbook("eject", only("blog"), {"eject_confirm": "blog"})
    assert again.returncode == 0 and changes(again.stdout) == [], again.stdout[-3000:]


def test_what_is_left_is_a_plain_compose_project() -> None:
    """Compose itself starts nothing anew, and brings a container back that somebody has removed."""
    running = sh("docker ps --no-trunc -q --filter label=com.docker.compose.project=blog | sort")
    sh("cd /opt/blog && docker compose up --detach --wait")
    assert sh("docker ps --no-trunc -q --filter label=com.docker.compose.project=blog | sort") == running
    sh(f"docker rm --force {running.split()[0]} && cd /opt/blog && docker compose up --detach --wait")
    assert len(sh("docker ps --no-trunc -q --filter label=com.docker.compose.project=blog").split()) == 2
    with steady("blog") as requests:
        sh("sleep 1")
    assert requests["lost"] == [] and requests["answered"] > 10
    assert sh("cat /opt/blog/README.md").count("docker compose") >= 1


def test_it_renews_its_certificate_and_nginx_shows_the_new_one() -> None:
    before = _certificate()
    assert _served() == before
    assert sh("systemctl is-enabled certbot.timer; systemctl is-active certbot.timer").split() == ["enabled", "active"]
    sh("certbot renew --force-renewal --no-random-sleep-on-renew --cert-name blog.neighbours.example.test")
    assert _certificate() != before
    for _try in range(50):
        if _served() == _certificate():
            break
        sh("sleep 0.2")
    assert _served() == _certificate()


@pytest.mark.matrix
def test_its_logs_are_rotated_and_go_on() -> None:
    sh("logrotate --force /etc/logrotate.d/nginx")
    with steady("blog") as requests:
        sh("sleep 2")
    assert requests["lost"] == [] and requests["answered"] > 10
    lines = sh("sleep 2; tail -n 1 /var/log/nginx/access.json")
    assert json.loads(lines)["host"] == "blog.neighbours.example.test"


@pytest.mark.matrix
def test_the_way_back_is_a_take_over_without_a_lost_request() -> None:
    with steady("blog") as requests:
        done = playbook("site", only("blog"))
    assert done.returncode == 0, done.stdout[-3000:]
    assert requests["lost"] == requests["closed"] == [] and requests["answered"] > 50, requests
    assert "blog" in sh("opsctl status --stack blog")
    again = playbook("site", only("blog"))
    assert again.returncode == 0 and changes(again.stdout) == [], again.stdout[-3000:]
