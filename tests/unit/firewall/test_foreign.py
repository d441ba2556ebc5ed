# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of UFW that somebody else has made stay where a policy keeps them: on files that UFW itself has written."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.firewall import foreign, ufw_files
from ansible_collections.latentum.ops.plugins.module_utils.firewall import policy as firewall_policy
from ansible_collections.latentum.ops.plugins.module_utils.firewall.host import Connection
from ansible_collections.latentum.ops.plugins.module_utils.firewall.policy import Policy
from ansible_collections.latentum.ops.plugins.module_utils.firewall.rules import FirewallError, Rule, parse_rules, parse_stored
from ansible_collections.latentum.ops.plugins.module_utils.firewall.ufw_files import ALL, USER, Kept, stored

RECORDED = Path(__file__).parents[1] / "adopt/recorded"
THEIRS = {4: (RECORDED / "ufw-user.rules").read_text(), 6: (RECORDED / "ufw-user6.rules").read_text()}
SSH = {"action": "limit", "port": 22, "protocol": "tcp", "comment": "SSH"}
WEB = {"port": 443, "protocol": "tcp"}
EMPTY = "*filter\n### RULES ###\n\n### END RULES ###\nCOMMIT\n"
BANNED = "deny any any 0.0.0.0/0 any 198.51.100.0/24 in"
HERE = Connection("203.0.113.9", 22)


def kept(four: str = THEIRS[4], six: str = THEIRS[6]) -> Kept:
    return Kept({**{path: "" for path in ALL}, USER[4]: four, USER[6]: six})


def block(line: str) -> str:
    """A rule in a file of UFW."""
    return f"### tuple ### {line}\n-A ufw-user-input -j DROP\n\n"


@pytest.fixture(autouse=True)
def nothing_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(firewall_policy, "recorded", lambda: foreign.recorded(tmp_path / "ufw.json"))
    monkeypatch.setattr(firewall_policy, "given_way", lambda: foreign.given_way(tmp_path / "ufw.json"))
    monkeypatch.setattr(firewall_policy, "record", lambda rules, away: foreign.record(rules, away, tmp_path / "ufw.json"))
    for name, value in (("rival", ""), ("docker_backend", "")):
        monkeypatch.setattr(firewall_policy, name, lambda value=value: value)
    monkeypatch.setattr(firewall_policy, "listens", lambda _port: True)


@pytest.mark.parametrize("family", [4, 6])
def test_every_rule_that_ufw_writes_is_understood(family: int) -> None:
    lines = stored(THEIRS[family])
    rules = {line: parse_stored(line) for line in lines}
    assert len(lines) > 7 and None not in rules.values()
    again = {line for line, rule in rules.items() if rule and rule.stored(family) != line}
    assert all("Nginx%20Full" in line for line in again) and len(again) == 1  # the profile's name is lost, its ports are not


@pytest.mark.parametrize("line", ["allow tcp 22 0.0.0.0/0 53 0.0.0.0/0 in", "allow tcp 22", ""])
def test_what_no_declared_rule_can_say_is_none(line: str) -> None:
    assert parse_stored(line) is None


def test_all_goes_unless_it_is_kept() -> None:
    plain, keeping = Policy(parse_rules([SSH])), Policy(parse_rules([SSH]), keep_foreign=True)
    assert plain.stored(kept(), 4) == ["limit tcp 22 0.0.0.0/0 any 0.0.0.0/0 in comment=535348"]
    lines = keeping.stored(kept(), 4)
    assert lines[-1] == plain.stored(kept(), 4)[0] and lines[:-1] == stored(THEIRS[4])[1:]  # `allow 22` is covered by ours


def test_what_was_declared_once_and_is_no_more_goes() -> None:
    before = Policy(parse_rules([SSH, {"port": 9443, "protocol": "tcp"}]), keep_foreign=True)
    firewall_policy._remember(before, kept(EMPTY, EMPTY))
    lines = "".join(map(block, [*stored(THEIRS[4]), *before.stored(kept(EMPTY, EMPTY), 4)]))
    after = Policy(parse_rules([SSH]), keep_foreign=True).stored(kept(lines, EMPTY), 4)
    assert not any("9443" in line for line in after) and any("5433" in line for line in after)


def test_what_gave_way_to_ours_comes_back_with_its_block_when_ours_goes() -> None:
    """Somebody else's site on 443 needs the opening, whoever declared the same one for a while."""
    theirs = block("allow tcp 443 0.0.0.0/0 any 0.0.0.0/0 in comment=736f6d65626f6479").replace("DROP", "ACCEPT")
    web = {"port": 443, "protocol": "tcp", "comment": "HTTPS"}
    before = kept(theirs, EMPTY)
    with_ours = Policy(parse_rules([SSH, web]), keep_foreign=True)
    assert not any("736f6d65626f6479" in line for line in with_ours.stored(before, 4))
    firewall_policy._remember(with_ours, before)
    converged = kept("".join(map(block, with_ours.stored(before, 4))), EMPTY)
    firewall_policy._remember(with_ours, converged)  # a run without a change forgets nothing
    assert with_ours.stored(converged, 4) == with_ours.stored(before, 4)

    without = Policy(parse_rules([SSH]), keep_foreign=True)
    lines = without.stored(converged, 4)
    assert [line for line in lines if " 443 " in line] == ["allow tcp 443 0.0.0.0/0 any 0.0.0.0/0 in comment=736f6d65626f6479"]
    made = foreign.spliced(EMPTY, converged.files[USER[4]], without.foreign(converged, 4), firewall_policy.given_way()[4])
    assert theirs.strip() in made
    firewall_policy._remember(without, converged)
    again = kept("".join(map(block, lines)), EMPTY)
    assert firewall_policy.given_way()[4] == {} and without.stored(again, 4) == lines


def test_the_record_is_written_by_policies_that_keep_alone(tmp_path: Path) -> None:
    firewall_policy._remember(Policy(parse_rules([SSH])), kept())
    assert not (tmp_path / "ufw.json").exists()


def test_theirs_stand_as_they_were_before_ours() -> None:
    ours = EMPTY.replace(
        "### RULES ###\n", "### RULES ###\n\n### tuple ### limit tcp 22 0.0.0.0/0 any 0.0.0.0/0 in\n-A ufw-user-input -j ACCEPT\n"
    )
    lines = [stored(THEIRS[4])[3], stored(THEIRS[4])[5]]
    made = foreign.spliced(ours, THEIRS[4], lines)
    assert stored(made) == [*lines, "limit tcp 22 0.0.0.0/0 any 0.0.0.0/0 in"]
    assert "-A ufw-user-input -i eth0 -p udp --dport 3306 -j DROP\n" in made and "'dapp_Nginx%20Full'" in made
    assert foreign.spliced(ours, THEIRS[4], []) == ours


@pytest.mark.skipif(shutil.which("iptables-restore") is None or shutil.which("unshare") is None, reason="no iptables here")
@pytest.mark.parametrize("family", [4, 6])
def test_the_kernel_takes_what_was_put_together(family: int) -> None:
    """In a network of its own."""
    empty = THEIRS[family][: THEIRS[family].index("### RULES ###\n")] + THEIRS[family][THEIRS[family].index("### RULES ###\n") :]
    bare = ufw_files.MARK.join(empty.split(ufw_files.MARK)[:1]) + "### END RULES ###\nCOMMIT\n"
    made = foreign.spliced(bare, THEIRS[family], stored(THEIRS[family]))
    argv = ["unshare", "--net", "iptables-restore" if family == 4 else "ip6tables-restore"]
    done = subprocess.run(argv, input=made, capture_output=True, text=True, check=False)
    if "unshare" in done.stderr:
        pytest.skip("no networks may be made here")
    assert done.returncode == 0, done.stderr
    broken = subprocess.run(argv, input=made.replace("-j DROP", "-j NOWHERE"), capture_output=True, text=True, check=False)
    assert ("-j DROP" not in made) or broken.returncode != 0


def refused(rules: list[dict[str, object]], content: str, **more: object) -> list[str]:
    try:
        firewall_policy.refuse(Policy(parse_rules(rules), docker=None, **more), HERE, kept(content, EMPTY))  # type: ignore[arg-type]
    except FirewallError as error:
        return error.problems
    return []


def test_a_kept_rule_that_shuts_a_declared_opening_is_refused() -> None:
    content = EMPTY + block("deny tcp 443 0.0.0.0/0 any 0.0.0.0/0 in")
    assert refused([SSH, WEB], content) == []  # it goes
    (problem,) = refused([SSH, WEB], content, keep_foreign=True)
    assert "port 443` would never be reached: `deny in 443/tcp from anywhere` of somebody else stands before it" in problem
    assert refused([SSH, WEB], EMPTY + block(BANNED), keep_foreign=True) == []  # only for some


def test_a_kept_rule_that_shuts_the_connection_in_use_is_refused() -> None:
    content = EMPTY + block("deny any any 0.0.0.0/0 any 203.0.113.0/24 in")
    assert refused([SSH], content) == []
    assert "203.0.113.9 to port 22) would be shut out" in refused([SSH], content, keep_foreign=True)[0]


def test_kept_openings_are_valid_for_published_ports() -> None:
    rules = Policy(parse_rules([SSH]), keep_foreign=True).effective(kept())
    assert Rule(port="5433", protocol="tcp", action="allow", comment="reporting") in rules
    assert rules[-1].comment == "SSH"


@pytest.mark.parametrize(
    ("one", "other", "covers"),
    [
        ({"port": 22, "protocol": "tcp", "action": "limit"}, {"port": 22, "protocol": "tcp"}, True),
        ({"port": 22}, {"port": 22, "protocol": "tcp"}, True),
        ({"port": 22, "protocol": "tcp"}, {"port": 22}, False),
        ({"port": 22, "from": ["203.0.113.0/24"]}, {"port": 22}, False),
        ({"port": 22}, {"port": 22, "from": ["203.0.113.0/24"]}, True),
        ({"port": 22}, {"port": 22, "action": "deny"}, False),
        ({"port": 22}, {"port": 22, "interface": "eth0"}, False),
    ],
)
def test_what_covers_what(one: dict[str, object], other: dict[str, object], covers: bool) -> None:
    (first,), (second,) = parse_rules([one]), parse_rules([other])
    assert first.covers(second) is covers
