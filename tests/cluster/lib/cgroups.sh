# Cgroups of the test cluster: /proffer-test/daemons for what the scripts start, and
# /proffer-test/node-N for the pods of a node. Hierarchies of version 1 and the unified one both do.
# shellcheck shell=bash

CGROUP=$CLUSTER_NAME

# Where the hierarchies are mounted. A hybrid of both versions has several; runc uses them all.
cgroup_roots() {
  local roots
  roots=$(awk '$3 == "cgroup" || $3 == "cgroup2" { print $2 }' /proc/mounts | sort -u)
  [ -n "$roots" ] || die "no cgroups are mounted: mount them below /sys/fs/cgroup"
  printf '%s\n' "$roots"
}

# Makes a cgroup in every hierarchy. make_cgroup proffer-test/node-0
make_cgroup() {
  local root parent path part file
  for root in $(cgroup_roots); do
    path=$root
    for part in ${1//\// }; do
      parent=$path
      path=$path/$part
      delegate_controllers "$parent"
      mkdir -p "$path"
      # In version 1 a cpuset is empty at first, and a process cannot join it.
      if [ -e "$path/cpuset.mems" ] && [ ! -e "$path/cgroup.controllers" ]; then
        for file in cpuset.cpus cpuset.mems; do
          [ -n "$(cat "$path/$file")" ] || cat "$parent/$file" >"$path/$file"
        done
      fi
    done
  done
}

# In version 2 a group's controllers are those that its parent hands down.
delegate_controllers() {
  local controller
  [ -e "$1/cgroup.subtree_control" ] || return 0
  # shellcheck disable=SC2013
  for controller in $(cat "$1/cgroup.controllers"); do
    echo "+$controller" >"$1/cgroup.subtree_control" 2>/dev/null || true
  done
}

# The groups that daemons join. One hierarchy is enough to find them again.
daemon_cgroups() {
  local root
  for root in $(cgroup_roots); do
    case $root in
    */pids | /sys/fs/cgroup)
      printf '%s\n' "$root/$CGROUP/daemons"
      return
      ;;
    esac
  done
  printf '%s\n' "$(cgroup_roots | head -n 1)/$CGROUP/daemons"
}

# Ends every process in a cgroup and below. kill_cgroup proffer-test/node-0
kill_cgroup() {
  local root pids deadline=$((SECONDS + 20))
  while :; do
    pids=$(for root in $(cgroup_roots); do
      [ ! -d "$root/$1" ] || find "$root/$1" -name cgroup.procs -exec cat {} + 2>/dev/null || true
    done | sort -un)
    [ -n "$pids" ] || return 0
    [ "$SECONDS" -lt "$deadline" ] || die "these processes of the test cluster do not end: ${pids//$'\n'/ }"
    # shellcheck disable=SC2086
    kill -9 $pids 2>/dev/null || true
    sleep 0.1
  done
}

# Removes a cgroup and what is below it. Nothing may run there any more.
remove_cgroup() {
  local root
  for root in $(cgroup_roots); do
    [ ! -d "$root/$1" ] || find "$root/$1" -depth -type d -exec rmdir {} + 2>/dev/null || true
  done
}
