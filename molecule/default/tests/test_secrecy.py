# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The value of every secret is looked for wherever it must not be."""

from __future__ import annotations

import pytest
from conftest import SECRETS, Production, once, site

# Runs as root on the host: reads every value from the store and greps for it as a fixed string. Prints how many
# values it looked for, and a line a hit; never a value. The patterns are read from stdin by grep, so they are in no argv.
SEARCH = f"""
cd {SECRETS}
files=$(find . -maxdepth 1 -type f ! -name '.*' ! -name '*.json' ! -name '*.pub')
values=$(grep -h -v -e '^-----' $files | awk 'length >= 12' | sort -u)
printf '%s\\n' "$values" | grep -c .
look() {{ printf '%s\\n' "$values" | "$@" && echo "HIT: $*"; }}
look grep -r -l -F -f - /var/log /etc --exclude-dir=secrets
look grep -r -l -F -f - /opt /root /home /tmp /var/tmp /run/latentum-ops
journalctl --no-pager > /run/journal.txt; look grep -c -F -f - /run/journal.txt; rm -f /run/journal.txt
docker ps -aq | xargs docker inspect > /run/inspect.json; look grep -c -F -f - /run/inspect.json; rm -f /run/inspect.json
docker ps -q | xargs -n1 docker logs > /run/containers.txt 2>&1; look grep -c -F -f - /run/containers.txt; rm -f /run/containers.txt
ps axww -o args > /run/ps.txt; look grep -c -F -f - /run/ps.txt; rm -f /run/ps.txt
docker image ls -q | sort -u | xargs docker history --no-trunc > /run/history.txt
look grep -c -F -f - /run/history.txt; rm -f /run/history.txt
true
"""


def test_no_secret_outside_its_file(production: Production) -> None:
    shown = production.root(SEARCH).splitlines()
    assert int(shown[0]) >= 5, "too few secrets were looked for: the search proves nothing"
    assert [line for line in shown[1:] if line.startswith("HIT")] == []


def test_the_search_can_find(production: Production) -> None:
    """The search above must not be blind: a planted value is found."""
    production.root(f"cat {SECRETS}/database_password > /var/log/planted.log")
    try:
        assert "HIT" in production.root(SEARCH)
    finally:
        production.root("rm -f /var/log/planted.log")


@pytest.fixture(scope="module")
def verbose_run() -> str:
    """A run that has something to do with secrets, at the highest verbosity that people use."""
    result = site("--tags", "secrets,stack", "-vvv", "--diff")
    assert result.returncode == 0, result.stdout[-4000:]
    return result.stdout + result.stderr


@once
def test_no_secret_in_the_output_of_ansible(production: Production, verbose_run: str) -> None:
    names = production.root(f"find {SECRETS} -maxdepth 1 -type f ! -name '.*' ! -name '*.json' ! -name '*.pub'").split()
    assert len(names) >= 5
    for name in names:
        for line in production.root(f"cat {name}").splitlines():
            if len(line) >= 12 and not line.startswith("-----"):
                assert line not in verbose_run, f"the value of {name} is in Ansible's output"
