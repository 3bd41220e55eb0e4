# The programs of the test cluster: some from Debian, the rest built from Go modules (see go/go.mod).
# shellcheck shell=bash

# Installs the Debian packages that are missing.
install_packages() {
  local package missing=()
  for package in runc containernetworking-plugins buildah busybox-static nftables iproute2 openssl \
    ca-certificates util-linux gcc libc6-dev; do
    [ "$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null)" = "install ok installed" ] || missing+=("$package")
  done
  [ "${#missing[@]}" -gt 0 ] || return 0
  log "installing ${missing[*]}"
  {
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${missing[@]}"
  } >&2
}

# Makes sure that there is a Go new enough for go/go.mod.
# Debian's own is too old to build this, but it can fetch a newer one, which is a module as well.
require_go() {
  local wanted toolchain root
  # Where Go's own archive goes, which not every PATH names.
  command -v go >/dev/null || PATH=$PATH:/usr/local/go/bin
  wanted=$(awk '$1 == "go" { print $2 }' "$CLUSTER_SOURCE/go/go.mod")
  if command -v go >/dev/null && (cd "$CLUSTER_SOURCE/go" && go list -m) >/dev/null 2>&1; then return; fi
  if ! command -v go >/dev/null; then
    log "installing golang-go, to fetch Go $wanted with it"
    DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends golang-go >&2
  fi
  toolchain=golang.org/toolchain@v0.0.1-go$wanted.linux-$(dpkg --print-architecture)
  root=$(cd / && GO111MODULE=on go mod download -json "$toolchain" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
  [ -x "$root/bin/go" ] || {
    # Files of a module are not executable, and its folders are read-only.
    [ -e "$root/bin/go" ] || die "Go $wanted is needed to build the test cluster: install it and put its bin folder into PATH"
    chmod +x "$root"/bin/* "$root"/pkg/tool/*/*
  }
  export GOROOT=$root PATH=$root/bin:$PATH
}

# The version of a module in go.mod.
module_version() { awk -v module="$1" '$1 == module && $2 ~ /^v/ { print $2; exit }' "$CLUSTER_SOURCE/go/go.mod"; }

# Builds one program unless it is there. build_program NAME PACKAGE VERSION [LINKER FLAGS]
# The version is part of the stamp's name, so that a new version is built and an old checkout gets its own.
build_program() {
  local name=$1 package=$2 version=$3 flags=${4:-} started=$SECONDS
  [ "$(cat "$BIN/.$name.version" 2>/dev/null)" != "$version" ] || [ ! -x "$BIN/$name" ] || return 0
  require_go
  log "building $name $version (minutes, the first time)"
  # No cgo: static programs, and no second build of the packages that would use it.
  # Low priority: whoever works on this machine meanwhile comes first.
  (cd "$CLUSTER_SOURCE/go" && CGO_ENABLED=0 GOWORK=off nice -n 10 \
    go build -trimpath -ldflags "-s -w $flags" -o "$BIN/.$name.new" "$package") >&2
  mv "$BIN/.$name.new" "$BIN/$name"
  printf '%s\n' "$version" >"$BIN/.$name.version"
  log "built $name in $((SECONDS - started)) s"
}

build_programs() {
  local name version flags
  mkdir -p "$BIN"

  version=$(module_version go.etcd.io/etcd/server/v3)
  build_program etcd ./etcd "$version"

  # Without this the API server calls itself v0.0.0-master, and clients believe it.
  version=$(module_version k8s.io/kubernetes)
  flags=k8s.io/component-base/version
  flags="-X $flags.gitVersion=$version -X $flags.gitMajor=1 -X $flags.gitMinor=$(cut -d. -f2 <<<"$version") -X $flags.gitTreeState=clean"
  for name in kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl; do
    build_program "$name" "k8s.io/kubernetes/cmd/$name" "$version" "$flags"
  done

  version=$(module_version github.com/containerd/containerd/v2)
  for name in containerd containerd-shim-runc-v2 ctr; do
    build_program "$name" "github.com/containerd/containerd/v2/cmd/$name" "$version" \
      "-X github.com/containerd/containerd/v2/version.Version=$version"
  done

  build_program coredns ./coredns "$(module_version github.com/coredns/coredns)"
  build_program kwok sigs.k8s.io/kwok/cmd/kwok "$(module_version sigs.k8s.io/kwok)"

  version=$(module_version helm.sh/helm/v4)
  build_program helm helm.sh/helm/v4/cmd/helm "$version" "-X helm.sh/helm/v4/internal/version.version=$version"
}
