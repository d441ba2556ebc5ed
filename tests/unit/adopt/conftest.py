# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What today's roles want for an inventory, as the action passes it on."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROLES = ("base", "os_hardening", "ssh_hardening", "firewall", "fail2ban", "auto_updates", "opsctl", "docker", "secrets", "stack", "nginx")
ROLES += ("backup", "watchdog", "exporters", "monitoring", "grafana", "log_shipping", "log_rotation", "certbot")
INVENTORY = yaml.safe_load("""
ansible_facts: {distribution: Debian, distribution_major_version: "13", distribution_release: trixie, virtualization_type: kvm}
inventory_hostname: web1
base_operators:
  - {name: ann, ssh_keys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f ann@laptop]}
ops_stack:
  name: shop
  contact: ops@example.test
  compose:
    services:
      web:
        image: shop/web:1
        ports: ["127.0.0.1:9000-9001:9000-9001"]
        healthcheck: {test: "true"}
        networks: [out]
        volumes: ["data:/data"]
    volumes: {data: {}}
    networks: {out: {internal: false, ipam: {config: [{subnet: 172.30.0.0/24}]}}}
  routes: [{domain: shop.example.test, service: web, port: 8080}]
""")
Wishes = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def wishes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wishes]:
    """What is wanted, with some variables given and some roles left out; each is asked for once."""
    known: dict[str, dict[str, Any]] = {}
    folder = tmp_path_factory.mktemp("inventory")
    errors = folder / "errors"
    with errors.open("w") as log:
        argv = [sys.executable, str(Path(__file__).with_name("wanted.py"))]
        asked = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)
    assert asked.stdin is not None and asked.stdout is not None
    answers = asked.stdout

    def wanted(skip: tuple[str, ...] = (), **variables: Any) -> dict[str, Any]:
        document = json.dumps({**INVENTORY, **variables, "roles": [role for role in ROLES if role not in skip]}, sort_keys=True)
        if document not in known:
            inventory = folder / f"{len(known)}.json"
            inventory.write_text(document)
            print(inventory, file=asked.stdin, flush=True)
            answer = answers.readline()
            assert answer, errors.read_text()
            known[document] = json.loads(answer)
        return known[document]

    yield wanted
    asked.communicate()
