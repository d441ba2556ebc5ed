# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a push to the answer: both hosts, no lost request, the truth at the commit; and a version that fails changes nothing."""

from __future__ import annotations

import json

import pytest
from conftest import BROKEN, GOOD, STACK, Chat, Forge, Host, eventually, none_lost, under_load


def test_a_push_goes_live_on_both_hosts_without_a_lost_request(hosts: tuple[Host, Host], forge: Forge) -> None:
    tag = hosts[0].another()
    with under_load(hosts) as results:
        commit = forge.push(f"v{tag}")
        for host in hosts:
            entry = host.ended(commit)
            assert (entry["state"], entry["live"]) == ("succeeded", tag), entry
            host.settled(tag)
    for result in results:
        none_lost(result)
    told = forge.told(commit, "success")
    assert {status["commit"] for status in told} == {commit}
    assert {status["token"] for status in told} == {"token writes-the-statuses-of-the-test"}
    for address in {status["from"] for status in told}:
        words = [status["state"] for status in told if status["from"] == address]
        assert words[0] == "pending" and words[-1] == "success" and words.count("success") == 1, words
    assert {status["description"] for status in told if status["state"] == "success"} == {f"production runs {tag}"}


def test_what_runs_says_of_which_commit_it_is_and_who_brought_it(hosts: tuple[Host, Host]) -> None:
    for host in hosts:
        (known,) = json.loads(host.opsctl("whatruns", "--stack", STACK, "--json").stdout)["stacks"]
        assert known["repository"] == "acme/shop" and known["who"] == "alice" and len(known["commit"]) == 40 and known["differing"] == []


def test_a_version_whose_health_fails_leaves_production_and_tells_once(hosts: tuple[Host, Host], forge: Forge, chat: Chat) -> None:
    before = [host.tag for host in hosts]
    with under_load(hosts) as results:
        commit = forge.push(f"v{BROKEN}")
        for host, tag in zip(hosts, before, strict=True):
            entry = host.ended(commit)
            assert entry["state"] == "rolled back" and entry["live"] == tag, entry
            host.settled(tag)
    for result in results:
        none_lost(result)
    said = {status["description"] for status in forge.told(commit, "failure") if status["state"] == "failure"}
    assert all(text.startswith("rolled back, production runs ") for text in said), said
    for host in hosts:
        eventually(lambda host=host: bool(chat.of(host)), f"somebody is told of {host.name}")
        assert len(chat.of(host)) == 1 and "TAKEN BACK" in chat.of(host)[0], chat.of(host)


def test_the_same_content_is_not_tried_again_and_a_fixed_one_goes(hosts: tuple[Host, Host], forge: Forge) -> None:
    before = [host.picture() for host in hosts]
    again = forge.push(f"v{BROKEN}")
    for host in hosts:
        entry = host.ended(again)
        assert entry["state"] == "refused" and entry["reason"], entry
    assert [host.picture() for host in hosts] == before
    tag = hosts[0].another()
    fixed = forge.push(f"v{tag}")
    for host in hosts:
        assert host.ended(fixed)["state"] == "succeeded"
        host.settled(tag)


@pytest.mark.matrix
def test_every_good_version_in_turn_and_the_last_one_wins(hosts: tuple[Host, Host], forge: Forge) -> None:
    """Pushed faster than they are rolled out: what waits is superseded, and nothing is done twice."""
    commits = [forge.push(f"v{tag}") for tag in (*GOOD, GOOD[0])]
    for host in hosts:
        states = [host.ended(commit)["state"] for commit in commits]
        assert states[-1] == "succeeded" and set(states) <= {"succeeded", "superseded"}, states
        host.settled(GOOD[0])
