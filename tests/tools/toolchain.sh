#!/usr/bin/env bash
# Run a command of the pinned toolchain from the root of the checkout, as `make` does: for git hooks and editors, which do not go through make.
set -euo pipefail
cd "$(dirname "$0")/../.."
if [[ ! -e .venv/.installed ]]; then
  echo "the toolchain is not installed: run 'make toolchain'" >&2
  exit 1
fi
export ANSIBLE_COLLECTIONS_PATH=$PWD/.collections PATH=$PWD/.venv/bin:$PATH
exec "$@"
