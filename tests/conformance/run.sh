#!/usr/bin/env bash
# Runs the raw-bytes suite of HTTP/1 framing, and of HTTP/2 on the way to it, against a siding that this script starts and ends.
#   tests/conformance/run.sh BINARY [OPTIONS OF THE SUITE]
# The suite is a script beside the checkout, or where $SIDING_CONFORMANCE says; "none" skips it.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."

binary=${1:?the path of the siding binary is missing}
suite=${SIDING_CONFORMANCE:-../shared/conformance/h1_torture.py}

if [[ $suite == none ]]; then
  echo "conformance: skipped, as SIDING_CONFORMANCE=none asks"
  exit 0
fi
[[ -f $suite ]] || { echo "conformance: there is no $suite; set SIDING_CONFORMANCE to its path" >&2; exit 1; }
[[ -x $binary ]] || { echo "conformance: there is no $binary" >&2; exit 1; }

# For siding, for the suite's origin and, next to it, for its trap; below the ports that the kernel
# gives to outgoing connections.
read -r port origin < <(/usr/bin/python3 - <<'PYTHON'
import random
import socket


def free(port):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False


print(next(p for p in iter(lambda: random.randrange(20000, 32000), None) if free(p)),
      next(p for p in iter(lambda: random.randrange(10000, 20000), None) if free(p) and free(p + 1)))
PYTHON
)

folder=$(mktemp -d)
siding=
cleanup() {
  [[ -z $siding ]] || kill -KILL "$siding" 2>/dev/null || true
  rm -rf "$folder"
}
trap cleanup EXIT

cache=false
skip=()
for option in "${@:2}"; do
  [[ $option == --cache ]] || continue
  cache=true
  # A route with a cache lets nobody switch protocols.
  skip=(--skip WS01,WS02,WS03,WS04)
done
cat >"$folder/siding.toml" <<TOML
listen = ["127.0.0.1:$port"]

[backend.origin]
url = "http://127.0.0.1:$origin"
concurrency = 64

[[route]]
backend = "origin"
cache = $cache
TOML

give_up() {
  printf 'conformance: %s\n' "$*" >&2
  tail -n 40 "$folder/log" >&2
  exit 1
}

"$binary" run "$folder/siding.toml" >"$folder/log" 2>&1 &
siding=$!
for ((i = 0; ; i++)); do
  kill -0 "$siding" 2>/dev/null || give_up "siding ended before it listened"
  if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then break; fi
  ((i < 200)) || give_up "siding did not listen on port $port within 10 s"
  sleep 0.05 # allow-sleep: nothing else tells that a port is open
done

/usr/bin/python3 "$suite" 127.0.0.1 "$port" --origin-port "$origin" --h2-port "$port" "${skip[@]}" "${@:2}" |
  tee "$folder/result" || give_up "the suite failed"
tail -n 1 "$folder/result" | grep -Eq '^[1-9][0-9]* passed, 0 failed' || give_up "not everything passed"

# It must also end well: a sanitizer reports leaks at the exit.
kill -TERM "$siding"
code=0
wait "$siding" || code=$?
siding=
((code == 0)) || give_up "siding ended with $code after SIGTERM"
