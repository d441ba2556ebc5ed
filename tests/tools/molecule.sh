#!/usr/bin/env bash
# Run the named Molecule scenarios, or all of them, LANES at a time: most of a scenario is waiting for a host.
# Each line says whose it is; a failed scenario leaves no host behind, and the others are run to their ends.
# The last lines say what passed, how long it took, and why the rest did not: CI shows the end of a log first.
set -euo pipefail
logs=.artifacts/molecule

run() {
  local started=$SECONDS result=passed
  echo "molecule: scenario $1"
  COLUMNS=200 molecule test --scenario-name "$1" || result=FAILED # what it runs is cut to that width
  echo "molecule: scenario $1 $result in $((SECONDS - started)) s"
  echo "$result $((SECONDS - started))" > "$logs/$1.result"
  [ "$result" = passed ]
}

# What failed, from the log on stdin: tasks of Ansible with what they said, and pytest's reasons.
reasons() {
  sed 's/^ *│ *//' | awk ' # Molecule draws a frame around what it runs
    /^TASK \[/ { task = $0 }
    /^(fatal|failed): / { print task; said = 20 }
    /^$/ { said = 0 }
    said > 0 { print; said--; next }
    /Ansible return code/ { next } # the task above has said why
    /^(E  |FAILED |ERROR |CRITICAL |=+ .*(failed|error))/' | cut -c1-400 | tail -25
}

recap() {
  local name result failed=()
  echo
  for name in "${scenarios[@]}"; do
    result=$(cat "$logs/$name.result" 2>/dev/null || echo "not run to its end")
    printf 'molecule: %-10s %s\n' "$name" "$result"
    [[ "$result" == passed* ]] || failed+=("$name")
  done
  for name in "${failed[@]}"; do
    echo "molecule: $name failed:"
    reasons < "$logs/$name.log" || true
  done
}

if [ "${1:-}" = --one ]; then
  # Colours would hide the words that the recap looks for.
  run "$2" 2>&1 | sed -u 's/\x1b\[[0-9;]*m//g' | tee "$logs/$2.log" | sed -u "s/^/$2 | /"
  exit
fi

# The longest first: the lanes then end at about the same time.
scenarios=(backup rollout watchdog default roles)
for file in molecule/*/molecule.yml; do
  name=$(basename "$(dirname "$file")")
  [[ " ${scenarios[*]} " == *" $name "* ]] || scenarios+=("$name")
done
if [ $# -gt 0 ]; then scenarios=("$@"); fi

mkdir -p "$logs"
for name in "${scenarios[@]}"; do rm -f "$logs/$name".{log,result}; done
python tests/hosts/hosts.py services
python tests/images/build.py
trap recap EXIT
printf '%s\n' "${scenarios[@]}" | xargs --max-procs="${LANES:-2}" --max-args=1 "$0" --one
