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

scratch=$(mktemp -d -p "$([[ $(room_in_memory) -ge 1000 && -w /dev/shm ]] && echo /dev/shm || echo "${TMPDIR:-/tmp}")")
trap 'rm -rf "$scratch"' EXIT
cores=$(python -c 'import os; print(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)')
TMPDIR=$scratch python -m pytest tests/unit --numprocesses=$((cores + 1)) --dist=worksteal "$@"
