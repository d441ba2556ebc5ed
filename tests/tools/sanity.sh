#!/usr/bin/env bash
# ansible-test wants the collection at …/ansible_collections/latentum/ops and refuses a symlink to it:
# give it a copy of what git tracks or would track, and run every sanity test there.
set -euo pipefail
tree=${1:?the folder to copy the collection to}
rm -rf "$tree"
mkdir -p "$tree"
git ls-files --cached --others --exclude-standard -z | while IFS= read -r -d '' file; do
  if [ -e "$file" ]; then printf '%s\0' "$file"; fi
done | tar --null --files-from=- --create | tar --extract --directory="$tree"

# ansible-test bootstraps pip from a download; the interpreter carries pip itself (ensurepip), so no download is needed.
bootstrap=$HOME/.ansible/test/cache/get_pip_24_2.py
if [ ! -e "$bootstrap" ]; then
  mkdir -p "$(dirname "$bootstrap")"
  echo 'import ensurepip; ensurepip.bootstrap(default_pip=True)' >"$bootstrap"
fi
cd "$tree"
if compgen -G 'tests/sanity/ignore-*.txt' >/dev/null; then
  echo "sanity: ignore files are not accepted here" >&2
  exit 1
fi
# The Python of the toolchain; other versions that the machine may have are not ours to rely on.
python=$(python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
exec ansible-test sanity --local --python "$python" --color no "${@:2}"
