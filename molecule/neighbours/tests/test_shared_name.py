# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One name of which two inventories have paths: they come, roll out, are refused and go, and nobody else loses a request.

That a stack has a path below another's name is also in what two inventories do at the same time (test_neighbours).
"""

from __future__ import annotations

from typing import Any

import pytest
from conftest import belongings, changes, only, playbook, sh, steady, untouched

NAME = "notes.neighbours.example.test"
PLACE = f"/etc/nginx/sites.d/{NAME}"
ROUTE = {"domain": NAME, "service": "web", "port": 8081}


def inventory(name: str, path: str = "/") -> dict[str, Any]:
    """An inventory that knows one stack, which has a path of the name."""
    route = {**ROUTE, "path": path, "strip_prefix": path != "/"}
    return {"ops_stacks": f"{{{{ [neighbours_wiki | combine({{'name': '{name}', 'routes': [{route}]}})] }}}}"}


def served() -> dict[str, str]:
    """The serial number of the certificate that clients of the name get, and the stacks whose files are there."""
    asked = f"echo | openssl s_client -connect 127.0.0.1:443 -servername {NAME} 2>/dev/null | openssl x509 -noout -serial"
    return {"serial": sh(asked), "owner": sh(f"sed -n 's/^# Of stack //p' {PLACE}.conf"), "others": sh(f"ls {PLACE}.d 2>/dev/null; true")}


@pytest.mark.matrix
def test_a_second_inventory_brings_a_path_and_nobody_loses_a_request() -> None:
    assert playbook("site", inventory("notes")).returncode == 0
    before = served()
    assert (before["owner"], before["others"]) == ("notes", "")
    with untouched("notes"), untouched("blog"):
        done = playbook("site", inventory("wiki", "/wiki"))
    assert done.returncode == 0, done.stdout[-3000:]
    assert served() == {**before, "others": "wiki.http\nwiki.paths\nwiki.site"}, "with the same certificate"
    with steady("notes", "/wiki/health") as requests:
        sh("sleep 3")
    assert requests["lost"] == [] and requests["answered"] > 10
    for known in (inventory("wiki", "/wiki"), inventory("notes"), only("blog")):
        again = playbook("site", known)
        assert again.returncode == 0 and changes(again.stdout) == [], again.stdout[-3000:]


@pytest.mark.matrix
def test_the_same_path_is_refused_with_both_names() -> None:
    before = belongings("wiki")
    with untouched("notes"):
        done = playbook("site", inventory("other", "/wiki/"))
    assert belongings("wiki") == before
    told = " ".join(done.stdout.split())
    assert done.returncode != 0 and f'"{NAME}/wiki"' in told and "is served for the stack wiki of this host already" in told, told[-3000:]


@pytest.mark.matrix
def test_a_release_of_one_costs_the_path_of_the_other_nothing() -> None:
    with untouched("notes"), steady("notes", "/wiki/health") as requests:
        done = playbook("rolling_update", inventory("wiki", "/wiki"), {"wiki_generation": "2", "rolling_update_pull": "missing"})
    assert done.returncode == 0, done.stdout[-3000:]
    assert requests["lost"] == requests["closed"] == [] and requests["answered"] > 50, requests
    before = belongings("wiki")
    with steady("notes") as requests:
        done = playbook("rolling_update", inventory("notes"), {"wiki_generation": "2", "rolling_update_pull": "missing"})
    assert belongings("wiki") == before
    assert done.returncode == 0, done.stdout[-3000:]
    assert requests["lost"] == requests["closed"] == [] and requests["answered"] > 50, requests


@pytest.mark.matrix
def test_the_server_block_passes_on_when_its_stack_is_taken_away() -> None:
    before = served()
    gone = {"remove_stack_confirm": True, "remove_stack_backup": False, "remove_stack_volumes": True}
    with untouched("blog"), steady("notes", "/wiki/health") as requests:
        done = playbook("remove_stack", {"ops_stack_name": "notes", **gone})
    assert done.returncode == 0, done.stdout[-3000:]
    assert requests["lost"] == requests["closed"] == [] and requests["answered"] > 50, requests
    assert served() == {**before, "owner": "wiki", "others": ""}
    again = playbook("site", inventory("wiki", "/wiki"))
    assert again.returncode == 0 and "failed=0" in again.stdout, again.stdout[-3000:]
    done = playbook("remove_stack", {"ops_stack_name": "wiki", **gone})
    assert done.returncode == 0 and sh(f"ls {PLACE}.conf /etc/letsencrypt/live/{NAME} 2>/dev/null; true") == "", done.stdout[-3000:]
