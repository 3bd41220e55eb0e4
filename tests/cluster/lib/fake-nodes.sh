# Fake nodes: Node objects that kwok keeps alive. Pods on them say that they run and do nothing.
# shellcheck shell=bash

# Makes the fake nodes fake-0 … fake-(M-1), and removes those beyond. set_fake_nodes M
set_fake_nodes() {
  local wanted=$1 have
  if [ "$wanted" -gt 0 ]; then start_kwok; fi
  have=$(kubectl get nodes -l type=kwok -o name | wc -l)
  if [ "$have" -lt "$wanted" ]; then
    log "creating $((wanted - have)) fake nodes"
    create_fake_nodes "$have" "$wanted"
  elif [ "$have" -gt "$wanted" ]; then
    log "removing $((have - wanted)) fake nodes"
    if [ "$wanted" -eq 0 ]; then
      # One request for all.
      kubectl delete --raw '/api/v1/nodes?labelSelector=type%3Dkwok' >/dev/null
    else
      seq "$wanted" $((have - 1)) | sed 's/^/fake-/' | in_namespace xargs env KUBECONFIG="$CLUSTER_KUBECONFIG" \
        "$BIN/kubectl" delete node --wait=false >/dev/null
    fi
  fi
  if [ "$wanted" -gt 0 ]; then
    until_true 300 "fake nodes to become Ready" fake_nodes_ready "$wanted"
  else
    stop_daemon kwok
  fi
}

# `kubectl create` makes one object after the other, so several do it side by side.
create_fake_nodes() {
  local from pids=() pid
  for ((from = $1; from < $2; from += 125)); do
    fake_nodes "$from" $((from + 125 < $2 ? from + 125 : $2)) | kubectl create -f - >/dev/null &
    pids+=($!)
    if [ "${#pids[@]}" -ge 8 ]; then
      wait "${pids[0]}"
      pids=("${pids[@]:1}")
    fi
  done
  for pid in "${pids[@]}"; do wait "$pid"; done
}

# One list: `kubectl wait` would ask for each node.
fake_nodes_ready() {
  local ready
  ready=$(kubectl get nodes -l type=kwok --no-headers | awk '$2 == "Ready"' | wc -l)
  [ "$ready" -eq "$1" ] || {
    # A long list is work for the API server, which has enough to do.
    sleep 1
    return 1
  }
}

start_kwok() {
  # Short leases would be many writes with thousands of nodes; these are renewed every 6 s,
  # and the controller-manager gives a node 10 s.
  daemon kwok "$BIN/kwok" --kubeconfig "$CLUSTER_KUBECONFIG" --config "$STATE/kwok-stages.yaml" \
    --manage-nodes-with-label-selector type=kwok --node-lease-duration-seconds 24 \
    --cidr 10.64.0.0/10 --server-address "" --v WARN
}

# Node objects fake-FROM … fake-(TO-1) as YAML. They are tainted, so that only pods that tolerate
# them go there, and there are four zones.
fake_nodes() {
  local number
  for ((number = $1; number < $2; number++)); do
    cat <<EOF
apiVersion: v1
kind: Node
metadata:
  name: fake-$number
  labels:
    type: kwok
    kubernetes.io/hostname: fake-$number
    kubernetes.io/os: linux
    kubernetes.io/arch: amd64
    topology.kubernetes.io/zone: zone-$((number % 4))
spec:
  taints: [{key: kwok.x-k8s.io/node, value: fake, effect: NoSchedule}]
status:
  capacity: {cpu: 16, memory: 64Gi, ephemeral-storage: 100Gi, pods: 110}
  allocatable: {cpu: 16, memory: 64Gi, ephemeral-storage: 100Gi, pods: 110}
  nodeInfo: {architecture: amd64, operatingSystem: linux, kubeletVersion: fake, kubeProxyVersion: "", bootID: "", containerRuntimeVersion: fake, kernelVersion: "", machineID: "", osImage: "", systemUUID: ""}
---
EOF
  done
}
