#!/usr/bin/env bash
# Run the named Molecule scenarios, or all of them, LANES at a time: most of a scenario is waiting for a host.
# Each line says whose it is; a failed scenario leaves no host behind, and the others are run to their ends.
set -euo pipefail

run() {
  local started=$SECONDS
  echo "molecule: scenario $1"
  molecule test --scenario-name "$1"
  echo "molecule: scenario $1 passed in $((SECONDS - started)) s"
}

if [ "${1:-}" = --one ]; then
  run "$2" 2>&1 | sed -u "s/^/$2 | /"
  exit
fi

# The longest first: the lanes then end at about the same time.
scenarios=(backup rollout watchdog default roles)
for file in molecule/*/molecule.yml; do
  name=$(basename "$(dirname "$file")")
  [[ " ${scenarios[*]} " == *" $name "* ]] || scenarios+=("$name")
done
if [ $# -gt 0 ]; then scenarios=("$@"); fi

python tests/hosts/hosts.py services
python tests/images/build.py
printf '%s\n' "${scenarios[@]}" | xargs --max-procs="${LANES:-2}" --max-args=1 "$0" --one
