#!/usr/bin/env bash
# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# The unit tests. One process more than there are cores, because some tests wait; their files in memory where there is room for them,
# because the engine writes each state file with fsync, and a disk makes a third of the whole run out of that.
set -euo pipefail

room_in_memory() { # in megabytes
  df --output=avail --block-size=1M /dev/shm 2>/dev/null | tail -n 1
}

# Many tests ask real programs. Debian's are unpacked into the checkout and not installed: installed ones would serve on this machine.
cache=$PWD/.cache
unpack() ( # FOLDER PACKAGE...
  folder=$cache/$1 && shift
  mkdir -p "$folder.parts" && cd "$folder.parts"
  apt-get -qq download "$@" >/dev/null 2>&1 ||
    { apt-get -qq update && apt-get -qq download "$@" >/dev/null; } || return 1
  for package in *.deb; do dpkg -x "$package" unpacked; done
  mv unpacked "$folder" && rm -r "$folder.parts"
)
there() { # FOLDER PACKAGE...
  [ -d "$cache/$1" ] || { command -v apt-get >/dev/null && unpack "$@"; }
}
installed() { # PROGRAM...
  for program in "$@"; do PATH=$PATH:/usr/sbin command -v "$program" >/dev/null || return 1; done
}
if ! installed nginx; then
  if there nginx nginx libnginx-mod-stream; then
    export PATH=$cache/nginx/usr/sbin:$PATH LATENTUM_TEST_NGINX_MODULES=$cache/nginx/usr/lib/nginx/modules
  else
    echo "unit: no nginx can be had here; the tests that ask a real one are skipped"
  fi
fi
exporters=(mtail prometheus-node-exporter prometheus-nginx-exporter prometheus-blackbox-exporter)
if ! installed "${exporters[@]}"; then
  if there exporters "${exporters[@]}"; then
    export PATH=$cache/exporters/usr/bin:$PATH
  else
    echo "unit: no mtail and exporters can be had here; the tests that ask real ones are skipped"
  fi
fi
if ! installed promtool prometheus; then
  prometheus=(prometheus)
  apt-cache show promtool >/dev/null 2>&1 && prometheus+=(promtool) # a package of its own from Debian 13 on
  if there prometheus "${prometheus[@]}"; then
    export PATH=$cache/prometheus/usr/bin:$PATH
  else
    echo "unit: no promtool and Prometheus can be had here; the tests that ask real ones are skipped"
  fi
fi
if ! installed amtool prometheus-alertmanager; then
  if there alertmanager prometheus-alertmanager; then
    export PATH=$cache/alertmanager/usr/bin:$PATH
  else
    echo "unit: no amtool and Alertmanager can be had here; the tests that ask real ones are skipped"
  fi
fi
if ! installed victoria-metrics vmagent vmalert; then
  if there victoriametrics victoria-metrics; then
    export PATH=$cache/victoriametrics/usr/bin:$PATH
  else
    echo "unit: no VictoriaMetrics can be had here; the tests that ask a real one are skipped"
  fi
fi
if ! installed rsyslogd; then
  if there rsyslog rsyslog rsyslog-relp librelp0 libestr0 libfastjson4; then
    export LATENTUM_TEST_RSYSLOG=$cache/rsyslog
  else
    echo "unit: no rsyslog can be had here; the tests that ask a real one are skipped"
  fi
fi
# A server of each kind with what it is linked to, and its exporter; what is installed comes first (tests/unit/databases/servers.py).
databases=(prometheus-postgres-exporter prometheus-redis-exporter prometheus-pgbouncer-exporter redis-server redis-tools liblzf1 libjemalloc2
  liblua5.1-0 lua-cjson lua-bitop pgbouncer libc-ares2 libevent-2.1-7)
if there databases "${databases[@]}" 2>/dev/null || {
  # Libraries have other names on later distributions.
  databases=("${databases[@]/libc-ares2/libcares2}")
  databases=("${databases[@]/libevent-2.1-7/libevent-2.1-7t64}")
  there databases "${databases[@]}"
}; then
  export LATENTUM_TEST_DATABASES=$cache/databases
else
  echo "unit: no databases and their exporters can be had here; the tests that ask real ones are skipped"
fi

scratch=$(mktemp -d -p "$([[ $(room_in_memory) -ge 1000 && -w /dev/shm ]] && echo /dev/shm || echo "${TMPDIR:-/tmp}")")
trap 'rm -rf "$scratch"' EXIT
cores=$(python -c 'import os; print(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)')
TMPDIR=$scratch python -m pytest tests/unit --numprocesses=$((cores + 1)) --dist=worksteal "$@"
