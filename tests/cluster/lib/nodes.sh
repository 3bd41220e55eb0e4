# Real nodes: a containerd and a kubelet each, with their own folders, addresses and cgroups.
# shellcheck shell=bash

# What a node offers at most. Less than the machine has, so that a test can fill a node on any machine;
# the kubelet enforces it.
NODE_CPUS=2
NODE_MEMORY_KIB=$((4 * 1024 * 1024))

# Starts node N. start_node 0
start_node() {
  local name=node-$1 dir=$STATE/node-$1
  mkdir -p "$dir"/{containerd,containerd-run,cni,kubelet,pod-logs,volume-plugins}
  make_cgroup "$CGROUP/$name"
  kubeconfig "$dir/kubeconfig" "$name" "/O=system:nodes/CN=system:node:$name"
  write_cni_config "$1" "$dir"
  write_containerd_config "$dir"
  write_kubelet_config "$1" "$dir"

  daemon "containerd-$name" "$BIN/containerd" --config "$dir/containerd.toml"
  until_true 60 "containerd of $name" node_ctr "$1" version
  import_image "$1" "$CACHE/images/pause.tar"
  import_image "$1" "$CACHE/images/busybox-1.37.tar"

  daemon "kubelet-$name" "$BIN/kubelet" --config "$dir/kubelet.yaml" --kubeconfig "$dir/kubeconfig" \
    --hostname-override "$name" --node-ip "$(node_address "$1")" \
    --root-dir "$dir/kubelet" --cert-dir "$dir/kubelet/pki" \
    --node-labels "topology.kubernetes.io/zone=zone-$1"
}

# Stops node N and removes what it had, its Node object included.
remove_node() {
  local name=node-$1 dir=$STATE/node-$1
  log "removing $name"
  stop_daemon "kubelet-$name"
  kill_cgroup "$CGROUP/$name"
  stop_daemon "containerd-$name"
  unmount_below "$dir"
  rm -rf "$dir"
  remove_cgroup "$CGROUP/$name"
  kubectl delete node "$name" --ignore-not-found >&2
}

# The numbers of the nodes that were started.
node_numbers() {
  local dir
  for dir in "$STATE"/node-*/; do
    [ ! -d "$dir" ] || basename "$dir" | cut -d- -f2
  done | sort -n
}

node_ctr() {
  local number=$1
  shift
  "$BIN/ctr" -a "$STATE/node-$number/containerd.sock" -n k8s.io "$@"
}

# Imports a docker archive into node N, unless the node has that image by that name. import_image 0 FILE
import_image() {
  local manifest names stamp
  # It names the image's configuration by its digest, so it says which content this is.
  manifest=$(tar -xOf "$2" manifest.json 2>/dev/null) ||
    die "$2 is not a docker archive: make it with \`buildah push IMAGE docker-archive:FILE:NAME\` or \`docker save\`"
  names=$(grep -o '"RepoTags":\[[^]]*\]' <<<"$manifest" | sed 's/.*\[//; s/[]"]//g; s|/|_|g')
  stamp=$STATE/node-$1/loaded/$names
  [ "$(cat "$stamp" 2>/dev/null)" != "$manifest" ] || return 0
  node_ctr "$1" images import "$2" >>"$STATE/logs/images.log" 2>&1 ||
    die "node-$1 did not take the image $2: see $STATE/logs/images.log"
  mkdir -p "${stamp%/*}"
  printf '%s\n' "$manifest" >"$stamp"
}

# Removes an image from node N, and what is left of those that gave their name to another one:
# the kubelet's side of containerd holds every image by its digest as well. remove_image 0 NAME
remove_image() {
  local left
  node_ctr "$1" images rm "$2" >>"$STATE/logs/images.log" 2>&1 || true
  rm -f "$STATE/node-$1/loaded/${2//\//_}"
  left=$(node_ctr "$1" images ls 2>/dev/null |
    awk '$1 ~ /^sha256:/ { alias[$1] = $3 } $1 ~ /\// { named[$3] } END { for (a in alias) if (!(alias[a] in named)) print a }')
  # shellcheck disable=SC2086
  [ -z "$left" ] || node_ctr "$1" images rm $left >>"$STATE/logs/images.log" 2>&1 || true
}

unmount_below() {
  awk -v dir="$1/" 'index($2, dir) == 1 { print $2 }' /proc/mounts | sort -ru | while read -r mount; do
    umount -l "$mount" 2>/dev/null || true
  done
}

# Pods get an address by `ptp`: a link of their own and a route to it, so that traffic between
# pods is routed and the addresses of Services work without bridge netfilter.
write_cni_config() {
  mkdir -p "$2/cni/net.d"
  cat >"$2/cni/net.d/10-pods.conflist" <<EOF
{
  "cniVersion": "1.0.0",
  "name": "$CLUSTER_NAME-node-$1",
  "plugins": [{
    "type": "ptp",
    "ipMasq": false,
    "ipam": {
      "type": "host-local",
      "dataDir": "$2/cni/addresses",
      "ranges": [[{"subnet": "10.77.$(($1 + 1)).0/24"}]],
      "routes": [{"dst": "0.0.0.0/0"}]
    }
  }, {"type": "portmap", "capabilities": {"portMappings": true}}]
}
EOF
}

write_containerd_config() {
  local snapshotter=overlayfs
  # Overlays do not stack on overlays, which is where a container's own files are.
  [ "$(stat -f -c %T "$1")" != overlayfs ] || snapshotter=native
  cat >"$1/containerd.toml" <<EOF
version = 3
root = "$1/containerd"
state = "$1/containerd-run"
# It makes a folder in /opt.
disabled_plugins = ["io.containerd.internal.v1.opt"]

[grpc]
address = "$1/containerd.sock"

[ttrpc]
address = "$1/containerd.sock.ttrpc"

[plugins."io.containerd.cri.v1.images"]
snapshotter = "$snapshotter"
[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "localhost/proffer-test-pause:1"

[plugins."io.containerd.cri.v1.runtime"]
# Lowering oom_score_adj needs a capability that root of a virtual machine may lack.
restrict_oom_score_adj = true
# Below our own folder, where \`down\` finds them.
netns_mounts_under_state_dir = true
[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = ["/usr/lib/cni"]
conf_dir = "$1/cni/net.d"
# The plugin for it would keep records elsewhere.
use_internal_loopback = true

[plugins."io.containerd.transfer.v1.local"]
[[plugins."io.containerd.transfer.v1.local".unpack_config]]
platform = "linux/$(dpkg --print-architecture)"
snapshotter = "$snapshotter"
EOF
}

write_kubelet_config() {
  local memory_kib cpus
  cpus=$(nproc)
  memory_kib=$(awk '$1 == "MemTotal:" { print $2 }' /proc/meminfo)
  : >"$STATE/resolv.conf"
  cat >"$2/kubelet.yaml" <<EOF
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $(node_address "$1")
healthzBindAddress: $(node_address "$1")
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: $STATE/pki/ca.crt}
authorization: {mode: Webhook}
containerRuntimeEndpoint: unix://$2/containerd.sock
cgroupDriver: cgroupfs
cgroupRoot: /$CGROUP/node-$1
failCgroupV1: false
failSwapOn: false
makeIPTablesUtilChains: false
podLogsDir: $2/pod-logs
volumePluginDir: $2/volume-plugins
resolvConf: $STATE/resolv.conf
clusterDomain: cluster.local
clusterDNS: [$API_ADDRESS]
# What the machine has beyond this is none of the node's.
enforceNodeAllocatable: [pods]
systemReserved:
  cpu: "$((cpus > NODE_CPUS ? cpus - NODE_CPUS : 0))"
  memory: $((memory_kib > NODE_MEMORY_KIB ? memory_kib - NODE_MEMORY_KIB : 0))Ki
# A full disk is somebody else's; pods and images stay.
evictionHard: {imagefs.available: "0%", nodefs.available: "0%", nodefs.inodesFree: "0%"}
imageGCHighThresholdPercent: 100
# Short clocks: a node that is lost is NotReady after 10 s (see the controller-manager).
nodeStatusUpdateFrequency: 2s
nodeLeaseDurationSeconds: 4
EOF
}
