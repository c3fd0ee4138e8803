# Shared by the start scripts; sourced, never run.
# A pid file holds "pid starttime": servers rewrite their command line, and pids are used again.

born_at() { sed 's/^.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

remember_pid() { # FILE PID
  echo "$2 $(born_at "$2")" > "$1"
}

alive() { # FILE
  [ -s "$1" ] || return 1
  local pid born
  read -r pid born < "$1"
  [ -n "$born" ] && [ "$(born_at "$pid")" = "$born" ]
}

pid_of() { # FILE
  cut -d' ' -f1 "$1"
}

end_process() { # FILE: a polite request first, five seconds later the other kind
  if alive "$1"; then
    local pid
    pid=$(pid_of "$1")
    kill "$pid" 2>/dev/null || true
    for _ in $(seq 100); do alive "$1" || break; sleep 0.05; done
    if alive "$1"; then kill -9 "$pid" || true; fi
  fi
  rm -f "$1"
}

report_status() { # FILE
  if alive "$1"; then echo "running pid $(pid_of "$1")"; exit 0; fi
  echo stopped
  exit 3
}

# The comment block at the top of the calling script is its manual.
usage() { sed -n '2,/^set -/p' "$0" | sed '$d;s/^# \{0,1\}//'; exit 2; }
