# Words and clocks of the bootstrap scripts. Sourced, never run.

say() { printf 'drayage setup: %s\n' "$*" >&2; }

# fail CAUSE MEND
fail() {
  printf 'drayage setup: %s\n               %s\n' "$1" "$2" >&2
  exit 1
}

# timed LABEL EXPECTATION COMMAND...: says what is done, every minute that it still is, and how long it took; keeps the
# output for the case of failure, in timed_log where that is set.
timed() {
  label=$1 expectation=$2
  shift 2
  say "$label ($expectation)"
  began=$(date +%s)
  log=${timed_log:-$cache/bootstrap.log}
  # It ends with this shell, however that ends.
  while sleep 60 > /dev/null 2>&1 && kill -0 $$ 2> /dev/null; do say "$label: $(($(date +%s) - began)) s so far"; done 8>&- 9>&- &
  ticker=$!
  if "$@" > "$log" 2>&1 8>&- 9>&-; then
    kill $ticker
    say "$label: done in $(($(date +%s) - began)) s"
  else
    code=$?
    kill $ticker
    tail -n 25 "$log" >&2
    say "$label failed with exit code $code after $(($(date +%s) - began)) s; all of its output: $log"
    return "$code"
  fi
}
