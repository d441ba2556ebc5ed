#!/usr/bin/env bash
# What CI checks: the unit tests while images are made, then, side by side, Molecule's scenarios, LANES at a time (most of a scenario is
# waiting for a host), and, with the processor time that they leave, the other checks that need no host, one after another.
# `lanes.sh molecule [NAME …]` runs scenarios only.
# Each line says whose it is; a failed scenario leaves no host behind, and the others are run to their ends.
# The last lines say what passed, how long it took, and why the rest did not: CI shows the end of a log first.
set -euo pipefail
logs=.artifacts/jobs
# Ten thousand tests with real programs and threads: beside two scenarios they took four times as long, and one a day ran out of patience.
first=(unit)
checks=(lint sanity artifact browser)
# The longest first: the lanes then end at about the same time.
scenarios=(backup rollout neighbours default watchdog roles)
# Without the matrix no dry run and no second run of each role alone: those of the whole site are in scenario default.
brief=(roles)
# With the matrix, or by name, only, and after all others: two whole applications, whose images are a gigabyte, and whose twenty containers
# want both cores when they start; alerts that take their minutes to fire; and releases that come by themselves, with kills.
alone=(applications monitoring fleet deliver)

job() {
  export COLUMNS=200 # what Molecule runs is cut to that width
  if [ "${MATRIX:-}" != 1 ] && [[ " ${brief[*]} " == *" $1 "* ]]; then
    local result=0
    molecule converge --scenario-name "$1" && molecule verify --scenario-name "$1" || result=1
    molecule destroy --scenario-name "$1" && return "$result"
  elif [ -d "molecule/$1" ]; then
    molecule test --scenario-name "$1"
  else
    nice make --no-print-directory "$1"
  fi
}

run() {
  local started=$SECONDS result=passed
  echo "lanes: begun"
  job "$1" || result=FAILED
  echo "lanes: $result in $((SECONDS - started)) s"
  echo "$result in $((SECONDS - started)) s" > "$logs/$1.result"
  [ "$result" = passed ]
}

# What failed, from the log on stdin: tasks of Ansible with what they said, and pytest's reasons; of other programs their last lines.
reasons() {
  sed 's/^ *│ *//' "$1" | awk ' # Molecule draws a frame around what it runs
    /^TASK \[/ { task = $0 }
    /^(fatal|failed): / { print task; said = 20 }
    /^$/ { said = 0 }
    said > 0 { print; said--; next }
    /Ansible return code/ { next } # the task above has said why
    /^(E  |FAILED |ERROR |CRITICAL |=+ .*(failed|error))/' | cut -c1-400 | tail -25 | grep . || tail -15 "$1"
}

recap() {
  local name result failed=()
  echo
  for name in "${jobs[@]}"; do
    result=$(cat "$logs/$name.result" 2>/dev/null || echo "not run to its end")
    printf '%-10s %s\n' "$name" "$result"
    [[ "$result" == passed* ]] || failed+=("$name")
  done
  for name in "${failed[@]}"; do
    echo "$name failed:"
    reasons "$logs/$name.log" 2>/dev/null || true
  done
}

# These jobs, so many at a time.
lane() {
  [ $# -eq 1 ] || printf '%s\n' "${@:2}" | xargs --max-procs="$1" --max-args=1 "$0" --one
}

if [ "${1:-}" = --one ]; then
  # Colours would hide the words that the recap looks for.
  run "$2" 2>&1 | sed -u 's/\x1b\[[0-9;]*m//g' | tee "$logs/$2.log" | sed -u "s/^/$2 | /"
  exit
fi

for file in molecule/*/molecule.yml; do
  name=$(basename "$(dirname "$file")")
  [[ " ${scenarios[*]} ${alone[*]} " == *" $name "* ]] || scenarios+=("$name")
done
[ "${MATRIX:-}" = 1 ] || alone=()
if [ "${1:-}" = molecule ]; then
  first=() checks=()
  [ $# -eq 1 ] || { scenarios=("${@:2}") && alone=(); }
elif [ "${MATRIX:-}" = 1 ]; then
  scenarios+=(guide) # it needs hosts, so it runs in a lane; without the matrix a unit test reads the guide
fi
jobs=("${first[@]}" "${checks[@]}" "${scenarios[@]}" "${alone[@]}")

mkdir -p "$logs"
for name in "${jobs[@]}"; do rm -f "$logs/$name".{log,result}; done
trap recap EXIT
rc=0
lane 1 "${first[@]}" &
python tests/hosts/hosts.py services
python tests/images/build.py
wait $! || rc=1
lane 1 "${checks[@]}" &
lane "${LANES:-2}" "${scenarios[@]}" || rc=1
wait $! || rc=1
lane 1 "${alone[@]}" || rc=1
[ "$rc" = 0 ]
