# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two stacks on one host: verbs on one, runs that know only one of them, two runs at the same time, and one that is taken away."""

from __future__ import annotations

import json
import random
import subprocess
import time

import pytest
from conftest import HOST, ROOT, belongings, changes, command, only, playbook, sh, steady, untouched

VERSIONS = ("1.1.0", "1.3.0", "1.4.0", "1.0.0")


def ours(version: str) -> str:
    """The image of a version."""
    return f"registry.example.test:5000/latentum/model-server:{version}"


def live(stack: str) -> str:
    """The release of a stack that is live."""
    return str(json.loads(sh(f"cat /var/lib/latentum-ops/stacks/{stack}/live.json"))["live"])


def test_both_answer_over_tls() -> None:
    for stack in ("shop", "blog"):
        with steady(stack) as requests:
            time.sleep(5)  # of which the client's own start takes most on a busy machine
        assert requests["lost"] == requests["closed"] == [] and requests["answered"] > 10


@pytest.mark.matrix
def test_a_second_run_changes_nothing() -> None:
    with steady("shop") as shop, steady("blog") as blog:
        done = playbook("site")
    assert done.returncode == 0 and changes(done.stdout) == [], done.stdout[-3000:]
    for requests in (shop, blog):
        assert requests["lost"] == requests["closed"] == [] and requests["answered"] > 50
    assert "also has" not in done.stdout


def test_each_has_its_own_secrets_releases_and_files() -> None:
    shown = {stack: sh(f"cat /etc/latentum-ops/secrets/{stack}/api_key") for stack in ("shop", "blog")}
    assert len(set(shown.values())) == 2
    assert sh("ls /etc/latentum-ops/stacks /etc/latentum-ops/upstreams /etc/latentum-ops/watchdog").split().count("shop.json") == 3


def test_a_release_of_one_touches_nothing_of_the_other() -> None:
    with untouched("blog"):
        done = playbook("rolling_update", {"ops_only": "shop", "shop_generation": "2", "rolling_update_pull": "missing"})
    assert done.returncode == 0, done.stdout[-3000:]
    assert "GENERATION=2" in sh("docker inspect shop-web-1 shop-web-2 shop-web-3 -f '{{.Config.Env}}' 2>/dev/null", check=False)


def test_a_verb_that_works_on_one_stack_wants_to_know_which() -> None:
    before = {stack: belongings(stack) for stack in ("shop", "blog")}
    for name in ("scale", "rollback"):
        done = playbook(name)
        assert done.returncode != 0 and "name one, such as -e ops_only=shop" in done.stdout
    assert {stack: belongings(stack) for stack in before} == before


@pytest.mark.matrix
def test_a_release_of_both_goes_one_after_the_other() -> None:
    """The first stays where the second is taken back, and the run says with what to go on."""
    with steady("shop") as shop, steady("blog") as blog:
        done = playbook("rolling_update", {"shop_generation": "4", "blog_generation": "4", "rolling_update_pull": "missing"})
    assert done.returncode == 0, done.stdout[-3000:]
    for requests in (shop, blog):
        assert requests["lost"] == requests["closed"] == [] and requests["answered"] > 50
    before = {stack: live(stack) for stack in ("shop", "blog")}
    with steady("blog") as requests:
        broken = {"blog_image": ours("1.2.0-broken"), "shop_generation": "5", "blog_generation": "4", "rolling_update_pull": "missing"}
        done = playbook("rolling_update", broken)
    assert done.returncode != 0 and "ops_only=blog" in done.stdout, done.stdout[-3000:]
    assert requests["lost"] == requests["closed"] == [] and requests["answered"] > 50
    assert live("shop") != before["shop"] and live("blog") == before["blog"]


@pytest.mark.matrix
def test_rollback_and_scale_of_one_touch_nothing_of_the_other() -> None:
    with untouched("blog"):
        assert playbook("rollback", {"ops_only": "shop"}).returncode == 0
        assert playbook("scale", {"ops_only": "shop", "scale_replicas": {"web": 3}}).returncode == 0
        assert playbook("scale", {"ops_only": "shop", "scale_replicas": {"web": 2}}).returncode == 0


@pytest.mark.matrix
def test_rollouts_that_are_killed_at_random_leave_the_other_alone() -> None:
    """And the run after them brings the stack to what is declared. What was drawn is named by a failure."""
    kills, drawn = 20, []
    with untouched("blog"):
        for number in range(kills):
            image = f"web={ours(VERSIONS[number % len(VERSIONS)])}"
            argv = ["docker", "exec", HOST, "opsctl", "deploy", "--stack", "shop", "--wait", "120", "--force", "--image", image]
            rollout = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            after = round(random.uniform(0.2, 9), 1)  # noqa: S311 - a moment, not a secret
            time.sleep(after)
            hit = sh("pgrep -f 'latentum_ops.[c]li.*deploy' | xargs kill -9 -- && echo killed", check=False)
            drawn.append((after, hit, rollout.communicate(timeout=200)[0][-200:]))
        done = playbook("site", {"ops_only": "shop"})
    assert done.returncode == 0, (drawn, done.stdout[-3000:])
    assert sum(hit == "killed" for _after, hit, _said in drawn) > kills / 2, drawn
    assert sh("docker ps --filter name=shop-web- --format '{{.Image}}'").splitlines() == [ours("1.0.0")] * 2, drawn
    assert "rollout.json" not in sh("ls /var/lib/latentum-ops/stacks/shop")


@pytest.mark.matrix
def test_backup_and_restore_of_one_touch_nothing_of_the_other() -> None:
    """What was written after the backup is gone, what was there at its time is back; the other stack is served all the time."""
    notes = {stack: f"/var/lib/docker/volumes/{stack}_models/_data/note" for stack in ("shop", "blog")}
    sh("; ".join(f"echo before > {note}" for note in notes.values()))
    with untouched("blog"):
        done = playbook("backup", {"ops_only": "shop"})
        assert done.returncode == 0, done.stdout[-3000:]
        sh("; ".join(f"echo after > {note}" for note in notes.values()))
        told = playbook("restore", {"ops_only": "shop"})
        assert sh(f"cat {notes['shop']}") == "after", told.stdout[-3000:]
        for wish in ({"backup_confirm_restore": True}, {"restore_state": "confirmed"}):
            done = playbook("restore", {"ops_only": "shop", **wish})
            assert done.returncode == 0, done.stdout[-3000:]
    assert sh(f"cat {notes['shop']} {notes['blog']}").split() == ["before", "after"]
    with steady("shop") as requests:
        time.sleep(5)
    assert requests["lost"] == [] and requests["answered"] > 10


@pytest.mark.matrix
def test_a_run_that_knows_one_stack_takes_nothing_away_from_the_other() -> None:
    assert playbook("rolling_update").returncode == 0  # whatever an earlier test has deployed, both are as declared
    with untouched("blog"):
        done = playbook("site", only("shop"))
    assert done.returncode == 0 and "also has blog, which this inventory does not declare" in done.stdout, done.stdout[-3000:]
    with untouched("shop"):
        done = playbook("site", only("blog"))
    assert done.returncode == 0 and changes(done.stdout) == [], done.stdout[-3000:]
    rules = sh("ufw status")
    assert "9443/tcp" in rules and "9444/tcp" in rules
    assert "nginx-limit-req" in sh("fail2ban-client status")


def test_two_inventories_at_the_same_time() -> None:
    """Both bring something new: the one a stack that the host has never had, the other an opening."""
    runs = [
        subprocess.Popen(command("site", variables), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT)
        for variables in (only("wiki"), only("shop", "blog"))
    ]
    outputs = [run.communicate(timeout=900)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], "\n".join(output[-3000:] for output in outputs)
    sites = sh("ls /etc/nginx/sites.d").split()
    assert sites == [
        "blog.neighbours.example.test.conf",
        "shop.neighbours.example.test.conf",
        "shop.neighbours.example.test.d",  # of which the wiki has a path
        "wiki.neighbours.example.test.conf",
    ]
    for stack in ("shop", "blog", "wiki"):
        with steady(stack) as requests:
            time.sleep(5)  # of which the client's own start takes most on a busy machine
        assert requests["lost"] == requests["closed"] == [] and requests["answered"] > 0
    with steady("shop", "/wiki/health") as requests:
        time.sleep(5)
    assert requests["lost"] == requests["closed"] == [] and requests["answered"] > 0
    assert counted("shop.neighbours.example.test", "/wiki/health") == {"wiki"}, "the path is the wiki's"
    assert counted("shop.neighbours.example.test", "/health") == {"shop"}, "and the rest the shop's"


def counted(host: str, path: str) -> set[str]:
    """The stacks that requests to a path were counted for."""
    lines = sh("sleep 2; tail -n 5000 /var/log/nginx/access.json").splitlines()
    return {line["stack"] for line in map(json.loads, lines) if line["host"] == host and line["path"] == path}


BY_HAND = """
services:
  web:
    image: registry.example.test:5000/latentum/model-server:1.0.0
    restart: always
    environment: {API_KEY: "0", MODEL_PATH: /models}
    volumes: ["models:/models"]
volumes: {models: {}}
"""


@pytest.mark.matrix
def test_a_project_that_somebody_has_started_by_hand_is_taken_over_with_its_volumes() -> None:
    """As a release like any other: its containers are replaced, what it has written stays, and a second run finds nothing to do."""
    sh(f"mkdir -p /srv/notes && cat > /srv/notes/compose.yaml <<'END'{BY_HAND}END\ncd /srv/notes && docker compose up --detach")
    sh("docker exec --user 0 notes-web-1 sh -c 'echo by hand > /models/note; chmod 644 /models/note'")
    volume = sh("docker volume inspect notes_models --format '{{.CreatedAt}}'")
    output = playbook("adopt", only("notes")).stdout
    assert "takes it over as a release" in output and "notes_models" in output, output[-3000:]
    with untouched("blog"):
        done = playbook("site", only("notes"))
    assert done.returncode == 0, done.stdout[-3000:]
    container = "$(docker ps --quiet --filter label=com.docker.compose.project=notes | head -n 1)"
    assert sh(f"docker exec {container} cat /models/note") == "by hand"
    assert sh("docker volume inspect notes_models --format '{{.CreatedAt}}'") == volume
    assert len(sh("ls /var/lib/latentum-ops/stacks/notes/releases").split()) == 1
    with steady("notes") as requests:
        again = playbook("site", only("notes"))
    assert again.returncode == 0 and changes(again.stdout) == [], again.stdout[-3000:]
    assert requests["lost"] == requests["closed"] == [] and requests["answered"] > 50
    done = playbook("remove_stack", {"ops_stack_name": "notes", "remove_stack_confirm": True, "remove_stack_backup": False})
    assert done.returncode == 0, done.stdout[-3000:]
    assert sh("docker run --rm -v notes_models:/models --entrypoint cat legacy/web:1 /models/note") == "by hand"
    sh("docker volume rm notes_models; rm -r /srv/notes")


# Of the project that the engine has written: the same without labels of a release, as somebody starts it who has copied it.
WITHOUT_LABELS = """
import json, sys
project = json.load(sys.stdin)
for service in project["services"].values():
    service["labels"] = {name: value for name, value in (service.get("labels") or {}).items() if "latentum" not in name}
print(json.dumps(project))
"""
NOTES = "docker ps --no-trunc --quiet --filter label=com.docker.compose.project=notes"


def started() -> dict[str, str]:
    """The containers of notes with when they were started, by their names."""
    lines = sh(f"docker inspect -f '{{{{.Name}}}} {{{{.Id}}}} {{{{.State.StartedAt}}}}' $({NOTES})").splitlines()
    return {line.split()[0]: line for line in lines}


@pytest.mark.matrix
def test_what_runs_by_hand_as_the_release_would_start_it_goes_on_under_load() -> None:
    """Taken over by id and start time, without a lost request; and a later release replaces what changes in it, and nothing else."""
    declared = {"ops_stacks": "{{ [neighbours_notes_with_worker] }}"}
    assert playbook("site", declared).returncode == 0
    # Whoever has only the files: no release is known, and no container has its labels. nginx, secrets and volumes are there.
    sh(f"mkdir -p /srv/notes && cat > /srv/notes/strip.py <<'END'{WITHOUT_LABELS}END")
    sh("cd /opt/notes && docker compose config --format json | python3 /srv/notes/strip.py > /srv/notes/compose.yaml")
    sh(f"rm -r /var/lib/latentum-ops/stacks/notes; docker rm --force $({NOTES}); docker network rm notes_default")
    sh("docker compose --file /srv/notes/compose.yaml up --detach --wait")
    assert "com.latentum" not in sh(f"docker inspect -f '{{{{json .Config.Labels}}}}' $({NOTES})")
    before = started()
    assert len(before) == 3
    with steady("notes") as requests:
        sh("sleep 1")
    assert requests["lost"] == [], requests

    with untouched("blog"), steady("notes") as requests:
        checked = playbook("site", declared, arguments=("--check", "--diff"))
        done = playbook("site", declared)
    assert checked.returncode == 0 and "web: kept, 2 equal to what runs" in checked.stdout, checked.stdout[-3000:]
    assert "worker: kept, 1 equal to what runs" in checked.stdout and done.returncode == 0, done.stdout[-3000:]
    assert started() == before
    assert requests["lost"] == requests["closed"] == [] and requests["answered"] > 50, requests
    again = playbook("site", declared)
    assert again.returncode == 0 and changes(again.stdout) == [], again.stdout[-3000:]

    with steady("notes") as requests:
        newer = {"notes_worker": ours("1.1.0"), "rolling_update_pull": "missing", "ops_only": "notes"}
        done = playbook("rolling_update", declared, newer)
    assert done.returncode == 0, done.stdout[-3000:]
    after = started()
    assert {name: line for name, line in after.items() if "web" in name} == {name: line for name, line in before.items() if "web" in name}
    assert not set(after.values()) & {line for name, line in before.items() if "worker" in name} and len(after) == 3
    assert requests["lost"] == requests["closed"] == [] and requests["answered"] > 50, requests
    done = playbook("remove_stack", {"ops_stack_name": "notes", "remove_stack_confirm": True, "remove_stack_backup": False})
    assert done.returncode == 0, done.stdout[-3000:]
    sh("docker volume rm notes_models notes_cache; rm -r /srv/notes")


def test_what_another_stack_has_is_refused_before_anything_changes() -> None:
    taken = {"ops_stacks": "{{ [neighbours_wiki | combine({'name': 'other', 'directory': '/opt/other'})] }}"}
    with untouched("wiki"):
        done = playbook("site", taken)
    assert done.returncode != 0
    told = " ".join(done.stdout.split())
    assert "is served for the stack wiki of this host already" in told, done.stdout[-3000:]
    assert '"shop.neighbours.example.test/wiki"' in told, done.stdout[-3000:]
    assert "other" not in sh("ls /etc/latentum-ops/stacks /opt")


def test_a_removal_without_a_confirmation_says_what_would_go() -> None:
    before = belongings("wiki")
    done = playbook("remove_stack", {"ops_stack_name": "wiki"})
    assert done.returncode != 0 and "wiki.neighbours.example.test" in done.stdout and "set remove_stack_confirm=true" in done.stdout
    assert belongings("wiki") == before


def test_a_stack_is_taken_away_after_a_proven_backup_and_no_other_is_touched(matrix: bool) -> None:
    with untouched("blog"), untouched("shop"):
        done = playbook("remove_stack", {"ops_stack_name": "wiki", "remove_stack_confirm": True, "remove_stack_backup": False})
    assert done.returncode == 0, done.stdout[-3000:]
    left = belongings("wiki")
    assert left["containers"] == left["live"] == ""
    assert "wiki_models" in left["volumes"]
    with untouched("blog"):
        done = playbook("remove_stack", {"ops_stack_name": "shop", "remove_stack_confirm": True, "remove_stack_volumes": True})
    assert done.returncode == 0, done.stdout[-3000:]
    assert "9443/tcp" not in sh("ufw status") and "9444/tcp" in sh("ufw status")
    assert "nginx-limit-req" not in sh("fail2ban-client status")
    assert sh("docker volume ls -q --filter label=com.docker.compose.project=shop") == ""
    assert sh("ls /srv/backup/shop") != ""
    if not matrix:
        return
    again = playbook("remove_stack", {"ops_stack_name": "shop", "remove_stack_confirm": True, "remove_stack_volumes": True})
    assert again.returncode == 0 and changes(again.stdout) == [], again.stdout[-3000:]
    done = playbook("site", only("blog"))
    assert done.returncode == 0 and changes(done.stdout) == [] and "also has" not in done.stdout, done.stdout[-3000:]
