# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators with scopes, by a real SSH client: who gets in, what each may do, and that who left is out.

Every way that is refused here is one by which somebody could become root, or stay.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import shlex
import struct
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from test_alone import INVENTORY, reach
from testinfra.utils.ansible_runner import AnsibleRunner

ROOT = Path(__file__).resolve().parents[3]
HOST = "role-access"
SECRET = base64.b32encode(os.urandom(20)).decode()


@dataclass
class Team:
    """Operators with keys, and the host that they log in to."""

    folder: Path
    operators: dict[str, dict[str, Any]] = field(default_factory=dict)
    given: dict[str, Any] = field(default_factory=dict)

    def key(self, name: str) -> Path:
        path = self.folder / name
        if not path.exists():
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path)], check=True)
        return path

    def public(self, name: str) -> str:
        return self.key(name).with_suffix(".pub").read_text().strip()

    def declare(self, name: str, *scopes: dict[str, Any], **more: Any) -> None:
        keys = more.pop("keys", [{"key": self.public(name)}])
        self.operators[name] = {"name": name, "keys": keys, "scopes": list(scopes), **more}

    def run(self, *arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
        """The playbook, as an operator of the controller calls it."""
        variables = self.folder / "variables.json"
        variables.write_text(json.dumps({"ops_operators": list(self.operators.values()), **self.given, **more}))
        argv = ["ansible-playbook", "-i", INVENTORY, "--limit", HOST, str(ROOT / "playbooks/access.yml"), "-e", f"@{variables}", *arguments]
        # Some settings send what failed to stderr.
        return subprocess.run(
            argv,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            cwd=ROOT,
            timeout=600,
            env={**os.environ, "ANSIBLE_NOCOLOR": "1"},
        )

    def apply(self, **more: Any) -> str:
        done = self.run(**more)
        assert done.returncode == 0, done.stdout[-4000:]
        return done.stdout

    def ssh(self, name: str, *options: str, key: str = "") -> list[str]:
        known = AnsibleRunner(INVENTORY).get_variables(HOST)
        common = shlex.split(known["ansible_ssh_common_args"])
        # What stands first counts: a shared connection would answer after its session has ended, and its client goes into the background.
        apart = "-o ControlMaster=no -o ControlPath=none -o ControlPersist=no"
        own = f"-F /dev/null {apart} -o BatchMode=yes -o IdentitiesOnly=yes -o LogLevel=ERROR {shlex.join(common)}"
        where = ["-p", str(known["ansible_port"]), f"{name}@{known['ansible_host']}"]
        return ["ssh", *shlex.split(own), "-i", str(self.key(key or name)), *options, *where]

    def sh(self, name: str, command: str, *options: str, key: str = "", stdin: str = "") -> subprocess.CompletedProcess[str]:
        """A command in a session of somebody."""
        argv = [*self.ssh(name, *options, key=key), command]
        return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60, input=stdin)

    def gets_in(self, name: str, *options: str, key: str = "") -> bool:
        return self.sh(name, "true", *options, key=key).returncode == 0


READ, ADMIN = {"level": "read"}, {"level": "admin"}
DEPLOY_SHOP, READ_BLOG = {"level": "deploy", "stacks": ["shop"]}, {"level": "read", "stacks": ["blog"]}


def on_host(command: str) -> str:
    """A command as root on the host."""
    return str(reach(HOST).check_output("sudo sh -c %s", command))


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Team:
    """Five people on a host with two stacks."""
    made = Team(tmp_path_factory.mktemp("team"))
    for stack in ("shop", "blog"):
        described = {"name": stack, "directory": f"/opt/{stack}", "services": [], "domains": []}
        text = shlex.quote(json.dumps(described))
        on_host(f"mkdir -p /etc/latentum-ops/stacks /opt/{stack}; echo {text} >/etc/latentum-ops/stacks/{stack}.json")
    # Three refused logins within a few seconds shut out an address, and here all come from one.
    on_host("echo PerSourcePenalties no >/etc/ssh/sshd_config.d/00-test.conf && systemctl reload ssh")
    made.declare("anna", ADMIN, forwarding=True)
    made.declare("ben", READ, DEPLOY_SHOP)
    made.declare("carl", READ_BLOG)
    made.apply()
    return made


CALLS = """
anna 0 id -u
anna 0 opsctl releases --stack shop
anna 0 opsctl access --json
ben 0 opsctl version
ben 0 opsctl releases --stack shop
ben 0 opsctl releases --stack blog
ben 0 opsctl access
ben 1 opsctl deploy --stack shop
ben 4 opsctl deploy --stack blog
ben 4 opsctl deploy --stack shop --force
ben 4 opsctl deploy --stack shop --no-backup
ben 4 opsctl shell --stack shop web
ben 4 opsctl remove shop --yes --volumes
ben 4 opsctl restore files --stack shop --into /etc /etc/shadow
ben 4 opsctl backup escrow --stack shop --open
ben 4 opsctl slo --svg /etc/sudoers.d/x
ben 4 opsctl report --html /etc/cron.d/x
ben 4 opsctl isolate --yes
carl 0 opsctl releases
carl 0 opsctl releases --stack blog
carl 4 opsctl releases --stack shop
carl 4 opsctl deploy --stack blog
carl 4 opsctl access
carl 4 opsctl logs --archive
"""


@pytest.mark.parametrize("call", CALLS.strip().splitlines())
def test_the_matrix_of_access(team: Team, call: str) -> None:
    who, wanted, words = call.split(" ", 2)
    done = team.sh(who, f"sudo -n {words}")
    assert done.returncode == int(wanted), done.stdout + done.stderr


def test_the_table_says_the_same(team: Team) -> None:
    rows = {row["operator"]: row for row in json.loads(team.sh("anna", "sudo -n opsctl access --json").stdout)["operators"]}
    assert rows["ben"]["scopes"] == {"read": ["*"], "deploy": ["shop"], "admin": []}
    assert rows["carl"]["scopes"] == {"read": ["blog"], "deploy": [], "admin": []}


# Ways to more than one's scopes: all that sudo lets through, and all around it.
ATTACKS = """
sudo -n id
sudo -n -i
sudo -n -u anna id
sudo -n -g root opsctl version && false
sudo -n /usr/local/sbin/opsctl remove shop --yes
sudo -n /usr/bin/python3 -m latentum_ops.cli version
sudo -n sh -c id
sudo -n --preserve-env=PATH opsctl version
sudo -n LD_PRELOAD=/tmp/evil/x.so opsctl version
sudo -n PYTHONPATH=/tmp/evil opsctl version
sudo -n PATH=/tmp/evil opsctl version
sudo -n --chdir=/tmp/evil opsctl version
sudo -n --chroot=/tmp/evil opsctl version
sudo -n -e /etc/shadow
sudoedit -n /etc/sudoers
/usr/local/lib/latentum-ops/scoped/opsctl version
SUDO_UID=0 SUDO_USER=root /usr/local/lib/latentum-ops/scoped/opsctl version
cp /usr/local/lib/latentum-ops/scoped/opsctl /tmp/evil/opsctl && sudo -n /tmp/evil/opsctl version
echo pwned >>/usr/local/lib/latentum-ops/scoped/opsctl
echo pwned >/etc/latentum-ops/access/keys/ben
cat /etc/latentum-ops/access/operators.json
cat /etc/sudoers.d/latentum-access-ben
cat /etc/shadow
docker ps
su - anna -c id </dev/null
su -c id </dev/null
sudo -n opsctl logs --stack ../../etc
sudo -n opsctl releases --stack 'shop;id'
sudo -n opsctl releases '--stack=$(id)'
sudo -n opsctl completion 'words'
"""


MODULES = "json argparse sitecustomize usercustomize latentum_ops/__init__ latentum_ops/cli/__main__"
PWN = '\'open("/tmp/evil/pwned", "w")\''


@pytest.mark.parametrize("attack", ATTACKS.strip().splitlines())
def test_nothing_makes_more_of_scopes(team: Team, attack: str) -> None:
    prepare = f"mkdir -p /tmp/evil/latentum_ops/cli; cd /tmp/evil; for name in {MODULES}; do echo {PWN} >$name.py; done"
    done = team.sh("ben", f"{prepare}; {attack}")
    assert done.returncode != 0, done.stdout
    on_host("! find /tmp/evil/pwned -user root | grep .")


def test_code_comes_from_the_engine_alone(team: Team) -> None:
    """A folder with modules of the same names, in which somebody stands: their own, and then an admin."""
    plant = "mkdir -p /tmp/plant/latentum_ops/cli; cd /tmp/plant; for name in json argparse latentum_ops/__init__ latentum_ops/cli/__main__"
    plant += '; do echo \'open("/tmp/plant/pwned", "w")\' >$name.py; done'
    assert team.sh("ben", f"{plant}; sudo -n opsctl version").returncode == 0
    assert team.sh("anna", "cd /tmp/plant && sudo -n opsctl version").returncode == 0
    assert on_host("ls /tmp/plant").split() == ["argparse.py", "json.py", "latentum_ops"]


def test_each_call_is_in_the_audit_log_with_person_verb_stack_and_result(team: Team) -> None:
    team.sh("ben", "sudo -n opsctl deploy --stack shop --wait 1")
    team.sh("ben", "sudo -n opsctl remove blog --yes")
    lines = [json.loads(line) for line in on_host("journalctl --sync; journalctl -t opsctl -o json OPSCTL_PERSON=ben").splitlines()]
    ends = [(line["OPSCTL_VERB"], line["OPSCTL_STACK"], line["OPSCTL_RESULT"]) for line in lines]
    assert ends[-3:-1] == [("deploy", "shop", "begun"), ("deploy", "shop", ends[-2][2])] and ends[-2][2].startswith(
        "failed: shop has no live release"
    )
    assert ends[-1] == ("remove", "blog", "refused: remove needs scope admin; ben has read and deploy on shop")


def test_only_declared_keys_open_an_account(team: Team) -> None:
    assert team.gets_in("ben") and not team.gets_in("ben", key="carl") and not team.gets_in("anna", key="ben")
    other = team.public("stranger")
    team.sh("ben", f"mkdir -p -m 700 ~/.ssh && echo {shlex.quote(other)} >>~/.ssh/authorized_keys && chmod 600 ~/.ssh/authorized_keys")
    assert not team.gets_in("ben", key="stranger"), "what lies in a home opens nothing"
    sshd = on_host("cat /etc/latentum-ops/access/keys/carl")
    assert sshd.splitlines()[-1].startswith("restrict,pty ssh-ed25519 ")


@pytest.mark.matrix
def test_networks_and_times_are_kept_by_the_server(team: Team) -> None:
    keys = [{"key": team.public("ben"), "from": ["203.0.113.0/24"]}]
    team.declare("ben", READ, DEPLOY_SHOP, keys=keys)
    team.apply()
    assert not team.gets_in("ben"), "from elsewhere"
    team.declare("ben", READ, DEPLOY_SHOP, keys=[{"key": team.public("ben"), "expires": "2100-01-01"}])
    team.apply()
    assert team.gets_in("ben")
    # What the file says of another day, the server judges: as it will on that day.
    on_host("sed -i 's/expiry-time=\"21000102/expiry-time=\"20200102/' /etc/latentum-ops/access/keys/ben")
    assert not team.gets_in("ben")
    team.declare("ben", READ, DEPLOY_SHOP)
    team.apply()
    assert team.gets_in("ben")


def test_ports_are_forwarded_only_for_whom_that_is_declared(team: Team) -> None:
    def forwards(name: str) -> bool:
        argv = [*team.ssh(name, "-o", "ExitOnForwardFailure=yes", "-W", "127.0.0.1:22")]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=30, input="\n")
        return done.stdout.startswith("SSH-2.0")

    assert forwards("anna") and not forwards("ben")


def test_a_second_run_and_a_check_change_nothing(team: Team) -> None:
    assert "changed=0" in team.apply()
    checked = team.run("--check", "--diff")
    assert checked.returncode == 0 and "changed=0" in checked.stdout


@dataclass
class Session:
    """A session that goes on until the host ends it."""

    process: subprocess.Popen[str]

    def ended(self) -> str:
        """How it ended; nothing where it goes on, or has done all its work."""
        try:
            return {0: ""}.get(self.process.wait(60), "by the host")
        except subprocess.TimeoutExpired:
            return ""


@pytest.fixture
def begin(team: Team) -> Iterator[Callable[..., Session]]:
    """Begins sessions; what is left of them is ended after the test."""
    begun: list[Session] = []

    def start(name: str, command: str, *options: str) -> Session:
        argv = [*team.ssh(name, *options), *([command] if command else [])]
        begun.append(Session(subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)))
        return begun[-1]

    yield start
    for session in begun:
        session.process.kill()
        session.process.wait(10)


def wait_for(what: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def of_carl() -> Sequence[str]:
    return on_host("ps -o args= -u carl || true").splitlines()


def test_who_leaves_is_out_when_the_run_ends(team: Team, begin: Callable[..., Session], tmp_path: Path) -> None:
    left_behind = "setsid nohup sleep 4711 >/dev/null 2>&1 & (crontab -l 2>/dev/null; echo '* * * * * true') | crontab - 2>/dev/null; "
    sessions = [
        begin("carl", f"{left_behind} sleep 4712"),
        begin("carl", "", "-N", "-M", "-S", str(tmp_path / "master")),
        begin("carl", "while :; do sudo -n opsctl version >/dev/null; done"),
    ]
    wait_for(lambda: {"sleep 4711", "sleep 4712"} <= set(of_carl()) and (tmp_path / "master").exists())
    gone = team.operators.pop("carl")
    assert "carl" in team.apply()
    assert [session.ended() for session in sessions] == ["by the host"] * 3 and of_carl() == []
    assert not team.gets_in("carl") and not team.gets_in("carl", "-S", str(tmp_path / "master"))
    assert "sleep 4711" not in on_host("ps -eo args=")
    assert on_host("ls /etc/sudoers.d /etc/latentum-ops/access/keys | grep -c carl || true") == "0"
    assert "not allowed" in on_host("LC_ALL=C sudo -l -U carl")
    assert on_host("getent shadow carl").split(":")[1].startswith("!")
    assert team.gets_in("ben"), "and nobody else"
    assert "changed=0" in team.apply()
    team.operators["carl"] = gone
    team.apply()
    assert team.gets_in("carl") and team.sh("carl", "sudo -n opsctl releases").returncode == 0, "who comes back is in again"


def test_certificates_are_good_for_hours_on_hosts_of_their_stack(team: Team) -> None:
    command = [str(ROOT / "playbooks/files/opsctl-ca"), "--folder", str(team.folder / "authority")]

    def authority(*words: str) -> str:
        return subprocess.run([*command, *words], capture_output=True, text=True, check=True).stdout.strip()

    def signed(*words: str) -> bool:
        team.key("dora").with_name("dora-cert.pub").unlink(missing_ok=True)
        authority("sign", *words)
        return team.gets_in("dora", "-o", f"CertificateFile={team.key('dora').with_name('dora-cert.pub')}")

    team.given["access_user_authorities"] = [authority("init", "--no-passphrase")]
    team.declare("dora", {"level": "read", "stacks": ["shop"]}, keys=[], certificates=True)
    team.apply()
    key = str(team.key("dora").with_suffix(".pub"))
    assert not team.gets_in("dora"), "the key alone opens nothing"
    assert signed("dora", key, "--stack", "shop") and signed("dora", key, "--everywhere")
    assert not signed("dora", key, "--stack", "blog") and not signed("anna", key, "--everywhere")
    assert not signed("dora", key, "--stack", "shop", "--from", "203.0.113.0/24")
    assert signed("dora", key, "--stack", "shop")
    team.given["access_revoked"] = [{"id": authority("list").splitlines()[-1].split()[0]}]
    team.apply()
    assert not team.gets_in("dora", "-o", f"CertificateFile={team.key('dora').with_name('dora-cert.pub')}")
    assert signed("dora", key, "--stack", "shop"), "the next one is not revoked"
    team.given["access_revoked"].append({"key": team.public("dora")})
    team.apply()
    assert not signed("dora", key, "--stack", "shop"), "a key is revoked in every certificate"
    del team.operators["dora"]
    del team.given["access_revoked"]
    team.apply()
    assert not signed("dora", key, "--stack", "shop"), "and an account that has left takes none"


def code() -> str:
    """A code of RFC 6238, as an authenticator shows it."""
    digest = hmac.new(base64.b32decode(SECRET), struct.pack(">Q", int(time.time() // 30)), hashlib.sha1).digest()
    place = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[place : place + 4])[0] & 0x7FFFFFFF) % 10**6:06}"


def test_a_stolen_key_is_not_root_where_sudo_asks(team: Team) -> None:
    team.declare("eve", ADMIN, second_factor="totp", totp_secret=SECRET)
    team.apply()
    assert team.sh("eve", "sudo -n id").returncode != 0
    assert team.sh("eve", "sudo -S -p '' id -u", stdin="000000\n").returncode != 0
    now = code()
    assert team.sh("eve", "sudo -S -p '' id -u", stdin=f"{now}\n").stdout == "0\n"
    assert team.sh("eve", "sudo -k; sudo -S -p '' id -u", stdin=f"{now}\n").returncode != 0, "no code works twice"
    assert SECRET not in on_host("journalctl --no-pager -o cat; cat /etc/latentum-ops/access/operators.json")
    assert "changed=0" in team.apply(), "what was used stays used"
    assert "eve : " in on_host("cat /var/log/sudo.log")
    del team.operators["eve"]
    team.apply()
    assert "pam_oath" not in on_host("cat /etc/pam.d/sudo")


def test_no_empty_password_and_no_su(team: Team) -> None:
    assert on_host("grep -c nullok /etc/pam.d/common-auth || true") == "0"
    assert "pam_wheel.so" in on_host("cat /etc/pam.d/su")
    assert team.sh("anna", "sudo -n su - ben -c id").returncode == 0, "root does"


def test_the_account_for_emergencies_is_told(team: Team) -> None:
    team.declare("glass", ADMIN, break_glass=True)
    team.apply()
    assert on_host("ls /var/lib/latentum-ops/break_glass.json 2>/dev/null || true") == ""
    assert team.gets_in("anna") and on_host("ls /var/lib/latentum-ops/break_glass.json 2>/dev/null || true") == "", "others are not"
    assert team.gets_in("glass")
    used = json.loads(on_host("cat /var/lib/latentum-ops/break_glass.json"))
    assert (used["account"], used["service"], used["times"]) == ("glass", "sshd", 1)
    assert "glass is used" in on_host("journalctl --sync; journalctl -t latentum-ops-break-glass -p alert -o cat")
    assert "seen: glass was used" in team.sh("anna", "sudo -n opsctl access --acknowledge").stdout
    del team.operators["glass"]
    team.apply()
    assert not team.gets_in("glass") and "pam_exec" not in on_host("cat /etc/pam.d/common-session")


@pytest.mark.matrix
def test_what_another_file_gives_fails_the_run(team: Team) -> None:
    on_host("echo 'ben ALL=(ALL) NOPASSWD: /usr/bin/less *' >/etc/sudoers.d/zz-forgotten; chmod 440 /etc/sudoers.d/zz-forgotten")
    try:
        done = team.run()
        assert done.returncode != 0 and "ben has more rights than the declared ones" in done.stdout
    finally:
        on_host("rm /etc/sudoers.d/zz-forgotten")
    on_host("printf 'Match User ben\\n    AuthorizedKeysFile .ssh/authorized_keys\\n' >/etc/ssh/sshd_config.d/05-forgotten.conf")
    try:
        done = team.run()
        assert done.returncode != 0 and "sshd takes other keys for ben" in done.stdout
    finally:
        on_host("rm /etc/ssh/sshd_config.d/05-forgotten.conf; systemctl reload ssh")
    assert "changed=0" in team.apply()


@pytest.mark.matrix
def test_wrong_sudoers_lock_nobody_out(team: Team) -> None:
    """What visudo refuses never stays: also where the mistake is somebody else's."""
    on_host("echo 'ben ALL = (((' >/etc/sudoers.d/zz-broken; chmod 440 /etc/sudoers.d/zz-broken")
    before = on_host("cat /etc/sudoers.d/latentum-access-*")
    team.declare("finn", READ)
    try:
        done = team.run()
        assert done.returncode != 0 and "zz-broken" in done.stdout
        assert on_host("cat /etc/sudoers.d/latentum-access-*") == before
    finally:
        del team.operators["finn"]
        on_host("rm -f /etc/sudoers.d/zz-broken")
    team.apply()


def nobody(team: Team) -> None:
    """All are forgotten."""
    team.operators = {}


def ansible_leaves(team: Team) -> None:
    """The account of this run is declared absent."""
    team.operators["ops"] = {"name": "ops", "state": "absent"}


def with_keys(*keys: dict[str, Any]) -> Callable[[Team], None]:
    """An operator with these keys, of whom each is somebody's."""
    return lambda team: team.declare("finn", READ, keys=[{**key, "key": team.public(key["key"])} for key in keys])


def with_scopes(*scopes: dict[str, Any]) -> Callable[[Team], None]:
    """An operator with these scopes."""
    return lambda team: team.declare("finn", *scopes)


REFUSED: dict[str, tuple[Callable[[Team], None], str]] = {
    "no key": (with_keys(), "finn has no key"),
    "expired keys only": (with_keys({"key": "finn", "expires": "2020-01-01"}), "every key of finn has expired"),
    "a key of two": (with_keys({"key": "ben"}), "the key of finn is that of ben"),
    "a scope for no stack": (with_scopes({"level": "deploy", "stacks": []}), "a scope deploy for no stack"),
    "a stack that is none": (with_scopes({"level": "deploy", "stacks": ["shpo"]}), "did you mean shop?"),
    "no admin": (lambda team: team.declare("anna", READ), "nobody would be an admin"),
    "nobody": (nobody, "would be shut out"),
    "the account of Ansible": (ansible_leaves, "this run is connected as it"),
}
STATE = "find /etc/sudoers.d /etc/ssh /etc/pam.d /etc/latentum-ops/access /etc/passwd -type f | sort | xargs sha256sum"


@pytest.mark.parametrize(
    "what", [what if not number else pytest.param(what, marks=pytest.mark.matrix) for number, what in enumerate(REFUSED)]
)
def test_bad_input_is_refused_before_anything_changes(team: Team, what: str) -> None:
    change, said = REFUSED[what]
    before, kept = on_host(STATE), dict(team.operators)
    change(team)
    try:
        done = team.run()
    finally:
        team.operators = kept
    assert done.returncode != 0 and said in done.stdout, done.stdout[-3000:]
    assert on_host(STATE) == before


@pytest.mark.matrix
def test_allow_users_without_the_operator_is_refused(team: Team) -> None:
    on_host("printf 'AllowUsers ops anna carl\\n' >/etc/ssh/sshd_config.d/90-allow.conf")
    try:
        done = team.run()
        assert done.returncode != 0 and "AllowUsers of sshd: ben is not in it" in done.stdout
    finally:
        on_host("rm /etc/ssh/sshd_config.d/90-allow.conf")
