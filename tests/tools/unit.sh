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

# Many tests ask a real program. Debian's are unpacked into the checkout and not installed: an installed one would serve on this machine.
cache=$PWD/.cache
unpack() ( # a folder of the cache, then packages
  folder=$cache/$1
  shift
  mkdir -p "$folder.parts" && cd "$folder.parts"
  apt-get -qq download "$@" >/dev/null 2>&1 || { apt-get -qq update && apt-get -qq download "$@" >/dev/null; } || return 1
  for package in *.deb; do dpkg -x "$package" unpacked; done
  mv unpacked "$folder" && rm -r "$folder.parts"
)
provide() { # a program, its path in the folder, the folder, packages: 0 where it can be called
  program=$1 path=$2 folder=$3
  PATH=$PATH:/usr/sbin command -v "$program" >/dev/null && return
  if [ ! -x "$cache/$folder/$path/$program" ]; then
    { command -v apt-get >/dev/null && unpack "$folder" "${@:4}"; } || {
      echo "unit: no $program can be had here; the tests that ask a real one are skipped"
      return
    }
  fi
  export PATH=$cache/$folder/$path:$PATH
}
provide nginx usr/sbin nginx nginx libnginx-mod-stream
if [ "$(command -v nginx)" = "$cache/nginx/usr/sbin/nginx" ]; then export LATENTUM_TEST_NGINX_MODULES=$cache/nginx/usr/lib/nginx/modules; fi
provide promtool usr/bin prometheus prometheus # and prometheus itself

scratch=$(mktemp -d -p "$([[ $(room_in_memory) -ge 1000 && -w /dev/shm ]] && echo /dev/shm || echo "${TMPDIR:-/tmp}")")
trap 'rm -rf "$scratch"' EXIT
cores=$(python -c 'import os; print(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)')
TMPDIR=$scratch python -m pytest tests/unit --numprocesses=$((cores + 1)) --dist=worksteal "$@"
