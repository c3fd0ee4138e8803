#!/usr/bin/env bash
# side-by-side.sh
# Runs every test in two lanes at once, those of the whole product beside those of the crates: most of the former wait for
# programs, clocks and networks. What the second lane says is printed when it is done. Everything is built before.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# Always the whole workspace: another choice of packages would have other features, and build everything anew.
run=("${CARGO:-cargo}" test --workspace --locked --no-fail-fast)

names() {
  for file in "$@"; do
    case $file in
      */main.rs) basename "$(dirname "$file")" ;;
      *) basename "$file" .rs ;;
    esac
  done | sort -u
}
crates=(*/tests/*.rs */tests/*/main.rs fabric/*/tests/*.rs)
whole=$(names tests/tests/*.rs)
# A name that both have runs in the first lane, in both places.
own=$(comm -13 <(echo "$whole") <(names "${crates[@]}"))
mapfile -t first < <(printf -- '--test=%s\n' $whole)
mapfile -t second < <(printf -- '--lib\n--bins\n'; printf -- '--test=%s\n' $own)

"${run[@]}" --no-run || exit
programs() { "${run[@]}" --no-run "$@" 2>&1 | grep -c '^ *Executable'; }
all=$(programs) in_lanes=$(($(programs "${first[@]}") + $(programs "${second[@]}")))
if [ "$all" -ne "$in_lanes" ]; then
  echo "$0: of $all test programs $in_lanes are in a lane, hint: look where their files lie" >&2
  exit 1
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
"${run[@]}" "${second[@]}" >"$log" 2>&1 &
beside=$!
status=0
# Through a pipe of its own: a program that is started may leave the pipe that it was given without blocking, and what is
# printed below would be cut short there.
"${run[@]}" "${first[@]}" 2>&1 | cat || status=$?
wait "$beside" || status=$?
# Opened anew, for the same reason: others than tests had it before.
if { : >>/proc/self/fd/1; } 2>/dev/null; then
  cat "$log" >>/proc/self/fd/1 || status=$?
else
  cat "$log" || status=$?
fi
"${run[@]}" --doc || status=$?
exit "$status"
