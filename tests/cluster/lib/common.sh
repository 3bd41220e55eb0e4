# What every script of the test cluster shares: where things are, messages, and daemons.
# Sourced by the scripts beside this folder; `set -euo pipefail` is theirs.
# shellcheck shell=bash disable=SC2034

CLUSTER_SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PROJECT=$(cd "$CLUSTER_SOURCE/../.." && pwd)

# Built once and kept: `down` leaves it alone.
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/proffer-tests
BIN=$CACHE/bin

# There is one test cluster on a machine, whichever checkout started it, so the place is fixed.
# Somebody who wants a second one beside it gives that a name.
CLUSTER_NAME=proffer-test${PROFFER_TEST_CLUSTER_NAME:+-$PROFFER_TEST_CLUSTER_NAME}
STATE=/var/lib/proffer-test-cluster${PROFFER_TEST_CLUSTER_NAME:+-$PROFFER_TEST_CLUSTER_NAME}
CLUSTER_KUBECONFIG=$STATE/kubeconfig
NETNS=$CLUSTER_NAME
NETNS_FILE=/run/netns/$NETNS

# One flat network inside the namespace: the API server, then the nodes 10.77.0.10, .11, …;
# the pods of node N have 10.77.(N+1).0/24.
API_ADDRESS=10.77.0.1
SERVICE_RANGE=10.96.0.0/16

log() { printf '%s\n' "$*" >&2; }
die() {
  log "error: $*"
  exit 1
}

# The user has a cluster and says where: then the scripts start nothing of their own.
# Inside `enter` KUBECONFIG is set as well, to the test cluster's own file.
uses_own_cluster() { [ -n "${KUBECONFIG:-}" ] && [ "$KUBECONFIG" != "$CLUSTER_KUBECONFIG" ]; }

require_root() {
  [ "$(id -u)" -eq 0 ] || die "the test cluster needs root for namespaces, mounts and cgroups: run this with sudo, or set KUBECONFIG to use a cluster that you have"
}

require_cluster() {
  if [ -e "$CLUSTER_KUBECONFIG" ] && [ -e "$NETNS_FILE" ]; then return; fi
  die "the test cluster is not running: start it with tests/cluster/up, or set KUBECONFIG to use a cluster that you have"
}

# Two people, or two tests, may call `up` at once.
lock_cluster() {
  exec 9>"/run/$CLUSTER_NAME-cluster.lock"
  flock -n 9 || {
    log "waiting for another tests/cluster command to end"
    flock 9
  }
}

in_namespace() { nsenter --net="$NETNS_FILE" -- "$@"; }

kubectl() { in_namespace env KUBECONFIG="$CLUSTER_KUBECONFIG" "$BIN/kubectl" "$@"; }

# Calls a command until it succeeds. until_true SECONDS WHAT CMD…
until_true() {
  local deadline=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$deadline" ] || die "waited in vain for $what; look into $STATE/logs"
    sleep 0.2
  done
}

# --- daemons -----------------------------------------------------------------------------------

# The time a process started, in clock ticks. With it a pid that was given to another process
# is not taken for a daemon's.
start_time_of() {
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  # Field 22; the second field is a name in parentheses and may hold spaces.
  # shellcheck disable=SC2086
  set -- ${stat##*) }
  [ "$1" != Z ] || return 1
  printf '%s\n' "${20}"
}

# The pid of a daemon, if it runs.
pid_of() {
  local pid start
  read -r pid start 2>/dev/null <"$STATE/pids/$1" || return 1
  [ "$(start_time_of "$pid")" = "$start" ] || return 1
  printf '%s\n' "$pid"
}

running() { pid_of "$1" >/dev/null; }

# Starts a daemon in the namespace unless it runs. daemon NAME CMD…
# It joins the cluster's cgroup, and so do its children: that is how `down` finds what containerd leaves.
daemon() {
  local name=$1 pid
  shift
  ! running "$name" || return 0
  log "starting $name"
  # shellcheck disable=SC2016
  setsid env -i PATH="$BIN:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" HOME="$STATE" \
    bash -c 'for group in $1; do echo $$ >"$group/cgroup.procs"; done; shift; ulimit -n 65536 2>/dev/null || true; exec "$@"' \
    "$name" "$(daemon_cgroups)" nsenter --net="$NETNS_FILE" -- "$@" \
    </dev/null >>"$STATE/logs/$name.log" 2>&1 9>&- &
  pid=$!
  printf '%s %s\n' "$pid" "$(start_time_of "$pid")" >"$STATE/pids/$name"
}

# Stops a daemon: a polite signal, then after ten seconds the other one.
stop_daemon() {
  local name=$1 pid deadline=$((SECONDS + 10))
  if pid=$(pid_of "$name"); then
    kill "$pid" 2>/dev/null || true
    while running "$name" && [ "$SECONDS" -lt "$deadline" ]; do sleep 0.1; done
    ! running "$name" || kill -9 "$pid" 2>/dev/null || true
  fi
  rm -f "$STATE/pids/$name"
}
