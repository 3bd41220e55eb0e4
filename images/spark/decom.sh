#!/usr/bin/env bash
# Tells an executor to hand on what it has, and waits until it has ended. Runs before its pod is stopped.
set -u
pid=$(pgrep -o -f KubernetesExecutorBackend) || exit 0
kill -s PWR "$pid"
timeout 60 tail --pid="$pid" -f /dev/null
