# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judges that run on a host: Lynis, and OpenSCAP with the rules of CIS and ANSSI for Debian 13."""

from __future__ import annotations

import subprocess

from verdicts import Verdict, of_lynis, of_openscap

PROFILES = ("cis_level1_server", "cis_level2_server", "anssi_bp28_intermediary", "anssi_bp28_enhanced")
CONTENT = "/opt/ssg/usr/share/xml/scap/ssg/content/ssg-debian13-ds.xml"
# linux-base makes OpenSCAP take the host for a machine with a kernel. The rules are of forky, which has those for Debian 13; nothing else
# of it comes along. The judges' own packages are there in each of the audits that are compared.
PREPARE = f"""set -e
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -qq --yes --no-install-recommends lynis openscap-scanner openscap-common linux-base >/dev/null
[ ! -e {CONTENT} ] || exit 0
lists=$(mktemp -d); chmod 0755 "$lists"; mkdir -p "$lists/state/partial"
mirror=$(sed -n 's/^deb \\([^ ]*\\) .*/\\1/p' /etc/apt/sources.list | head -n 1)
echo "deb $mirror forky main" > "$lists/forky.list"
from="-o Dir::Etc::SourceList=$lists/forky.list -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists=$lists/state"
from="$from -o Acquire::Check-Valid-Until=false"
apt-get $from update -qq
cd "$lists" && apt-get $from download -qq ssg-debian
dpkg-deb --extract ssg-debian_*.deb /opt/ssg
rm -rf "$lists"
"""
# Where this file is, most rules are passed over as those of a container.
AWAY = "mv /.dockerenv /root/.dockerenv; trap 'mv /root/.dockerenv /.dockerenv' EXIT; "
# The clock is the kernel's, so the unit passes containers over: for the audit it runs, as it does on a machine.
CLOCK = """mkdir -p /run/systemd/system/systemd-timesyncd.service.d
printf '[Unit]\\nConditionVirtualization=\\n' > /run/systemd/system/systemd-timesyncd.service.d/audit.conf
systemctl daemon-reload; systemctl start systemd-timesyncd.service || true
"""
# What is mounted by the engine of the container is mounted by systemd on a machine, with the options of the unit.
TMP = r"""options=$(systemctl cat tmp.mount | sed -n 's/^Options=//p' | tail -1 | tr , '\n' | grep -E '^no(exec|suid|dev)$' | paste -sd,)
mount -o "remount,$options" /tmp
"""


class JudgeError(Exception):
    """A judge could not do its work; the message has its last words."""


def on(host: str, script: str, *, accepted: tuple[int, ...] = (0,)) -> str:
    """A script as root on a host; its output."""
    done = subprocess.run(["docker", "exec", "-i", host, "sh"], input=script, capture_output=True, text=True, check=False, timeout=3600)
    if done.returncode not in accepted:
        raise JudgeError(f"{host}: {script.splitlines()[-1][:120]} ended with {done.returncode}: {(done.stdout + done.stderr)[-800:]}")
    return done.stdout


def prepare(host: str) -> None:
    """Install the judges."""
    on(host, PREPARE)


def lynis(host: str) -> tuple[int, list[str]]:
    """Its index, and what it suggests."""
    report = "/root/lynis-report.dat"
    audit = f"lynis audit system --quick --no-colors --quiet --logfile /dev/null --report-file {report}"
    on(host, f"{CLOCK}{TMP}{AWAY}{audit} >/dev/null 2>&1", accepted=(0, 1, 78))
    return of_lynis(on(host, f"cat {report}; rm {report}"))


def openscap(host: str, profile: str) -> Verdict:
    """One profile's verdict. 2 is its return code where some rule failed."""
    command = f"oscap xccdf eval --profile xccdf_org.ssgproject.content_profile_{profile} {CONTENT} 2>/dev/null"
    return of_openscap(on(host, f"{CLOCK}{TMP}{AWAY}{command}", accepted=(0, 2)))
