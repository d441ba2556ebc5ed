#!/usr/bin/env bash
# Run one Molecule scenario, or all of them one after another; a failed scenario leaves no host behind.
set -euo pipefail
scenarios=("$@")
if [ ${#scenarios[@]} -eq 0 ]; then
  for file in molecule/*/molecule.yml; do scenarios+=("$(basename "$(dirname "$file")")"); done
fi
python tests/hosts/hosts.py services
python tests/images/build.py
for scenario in "${scenarios[@]}"; do
  started=$SECONDS
  echo "molecule: scenario $scenario"
  molecule test --scenario-name "$scenario"
  echo "molecule: scenario $scenario passed in $((SECONDS - started)) s"
done
