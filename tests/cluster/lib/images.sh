# Images without a container engine: buildah makes them from a Dockerfile, and they travel as docker archives.
# shellcheck shell=bash

buildah() {
  # A store of our own, so that `buildah` of whoever uses this machine is not touched.
  mkdir -p "$CACHE/buildah"
  command buildah --root "$CACHE/buildah/root" --runroot "$CACHE/buildah/run" --storage-driver vfs "$@"
}

# Builds an image into a docker archive. build_image NAME FILE CONTEXT [buildah arguments]
build_image() {
  local name=$1 file=$2 context=$3
  shift 3
  mkdir -p "${file%/*}"
  log "building image $name"
  # Nothing in these files is run while they are built, so no isolation is needed.
  buildah bud --quiet --isolation chroot --tag "$name" "$@" "$context" >/dev/null
  rm -f "$file.new"
  buildah push --quiet "$name" "docker-archive:$file.new:$name" >/dev/null
  buildah rmi --force "$name" >/dev/null 2>&1 || true
  mv "$file.new" "$file"
}

# Under `cargo test` there are variables about the package that is tested. Build scripts of others ask to
# be run again when these change, which would build half of everything anew.
forget_package() {
  # shellcheck disable=SC2086
  unset ${!CARGO_PKG_@} ${!CARGO_BIN_@} ${!CARGO_MANIFEST_@} CARGO_CRATE_NAME CARGO_PRIMARY_PACKAGE
}

# What holds the namespaces of a pod.
build_pause_image() {
  local context
  [ ! -s "$CACHE/images/pause.tar" ] || return 0
  context=$(mktemp -d)
  cp "$CLUSTER_SOURCE/images/pause/"* "$context/"
  cc -static -Os -o "$context/pause" "$context/pause.c"
  build_image localhost/proffer-test-pause:1 "$CACHE/images/pause.tar" "$context"
  rm -rf "$context"
}

# A shell and small tools, for the jobs of tests. Names are found as well (but not by `wget -T`, which crashes).
build_busybox_image() {
  local context root applet
  [ ! -s "$CACHE/images/busybox-1.37.tar" ] || return 0
  context=$(mktemp -d) root=$context/root
  cp "$CLUSTER_SOURCE/images/busybox/Dockerfile" "$context/"
  mkdir -p "$root"/{bin,etc,tmp}
  chmod 1777 "$root/tmp"
  cp -L "$(command -v busybox)" "$root/bin/busybox"
  for applet in $(busybox --list); do
    [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
  done
  printf 'root:x:0:0:root:/:/bin/sh\nproffer:x:65532:65532:proffer:/tmp:/bin/sh\n' >"$root/etc/passwd"
  printf 'root:x:0:\nproffer:x:65532:\n' >"$root/etc/group"
  build_image docker.io/library/busybox:1.37 "$CACHE/images/busybox-1.37.tar" "$context"
  rm -rf "$context"
}
