# The namespace and the control plane: keys, etcd, API server, controller-manager, scheduler, kube-proxy, DNS.
# shellcheck shell=bash

# A network namespace with a bridge that carries the addresses of API server and nodes.
# Nothing of it touches the host's interfaces, routes or firewall.
make_namespace() {
  local number
  [ -e "$NETNS_FILE" ] || ip netns add "$NETNS"
  # A bridge, because the kernel may lack dummy devices. Without ports it has no carrier;
  # its addresses answer all the same, as they are local.
  in_namespace sh -e -c '
    ip link set lo up
    ip link show cluster >/dev/null 2>&1 || ip link add cluster type bridge
    ip link set cluster up
    ip address replace '"$API_ADDRESS"'/24 dev cluster
    # Programs that look for "the" address of the machine follow the default route.
    ip route replace default dev cluster
    echo 1 > /proc/sys/net/ipv4/ip_forward'
  for number in $(seq 0 15); do
    in_namespace ip address replace "$(node_address "$number")/32" dev cluster
  done
}

node_address() { printf '10.77.0.%s\n' $((10 + $1)); }

# A certificate signed by the cluster's authority. certificate NAME SUBJECT [EXTENSIONS]
# Files: pki/NAME.crt and pki/NAME.key.
certificate() {
  local pki=$STATE/pki extensions=${3:-extendedKeyUsage=clientAuth}
  [ ! -s "$pki/$1.crt" ] || return 0
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
    -keyout "$pki/$1.key" -subj "$2" -out "$pki/$1.csr" 2>/dev/null
  openssl x509 -req -in "$pki/$1.csr" -CA "$pki/ca.crt" -CAkey "$pki/ca.key" -CAcreateserial \
    -days 3650 -extfile <(printf '%s\nbasicConstraints=CA:FALSE\n' "$extensions") -out "$pki/$1.crt" 2>/dev/null
  rm "$pki/$1.csr"
}

# A kubeconfig for a user, with a certificate of its own. kubeconfig FILE NAME SUBJECT
kubeconfig() {
  [ ! -s "$1" ] || return 0
  certificate "$2" "$3"
  # Everything inline, so that the file can be copied.
  (umask 077 && cat >"$1") <<EOF
apiVersion: v1
kind: Config
current-context: proffer-test
contexts: [{name: proffer-test, context: {cluster: proffer-test, user: $2}}]
clusters:
  - name: proffer-test
    cluster:
      server: https://$API_ADDRESS:6443
      certificate-authority-data: $(base64 -w0 "$STATE/pki/ca.crt")
users:
  - name: $2
    user:
      client-certificate-data: $(base64 -w0 "$STATE/pki/$2.crt")
      client-key-data: $(base64 -w0 "$STATE/pki/$2.key")
EOF
}

make_keys() {
  local pki=$STATE/pki
  mkdir -p "$pki"
  if [ ! -s "$pki/ca.crt" ]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 \
      -keyout "$pki/ca.key" -subj /CN=proffer-test -addext keyUsage=critical,keyCertSign,cRLSign \
      -out "$pki/ca.crt" 2>/dev/null
  fi
  certificate apiserver /CN=kube-apiserver "extendedKeyUsage=serverAuth
subjectAltName=IP:$API_ADDRESS,IP:10.96.0.1,IP:127.0.0.1,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local"
  # How the API server shows itself to kubelets, for logs and exec.
  certificate apiserver-kubelet-client "/O=system:masters/CN=kube-apiserver-kubelet-client"
  [ -s "$pki/service-accounts.key" ] || openssl genrsa -out "$pki/service-accounts.key" 2048 2>/dev/null

  kubeconfig "$CLUSTER_KUBECONFIG" admin "/O=system:masters/CN=admin"
  kubeconfig "$STATE/controller-manager.kubeconfig" controller-manager "/CN=system:kube-controller-manager"
  kubeconfig "$STATE/scheduler.kubeconfig" scheduler "/CN=system:kube-scheduler"
  kubeconfig "$STATE/proxy.kubeconfig" proxy "/CN=system:kube-proxy"
}

start_control_plane() {
  local pki=$STATE/pki
  # What is in etcd is gone with `down` anyway, so it need not wait for the disk.
  daemon etcd "$BIN/etcd" --data-dir "$STATE/etcd" --unsafe-no-fsync --log-level warn \
    --quota-backend-bytes=4294967296 \
    --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
    --listen-peer-urls http://127.0.0.1:2380

  # Clocks are short throughout, so that tests of lost nodes take seconds.
  # InternalIP first, or `kubectl logs` would look for the node's name in DNS.
  daemon kube-apiserver "$BIN/kube-apiserver" \
    --etcd-servers http://127.0.0.1:2379 \
    --advertise-address "$API_ADDRESS" --secure-port 6443 \
    --tls-cert-file "$pki/apiserver.crt" --tls-private-key-file "$pki/apiserver.key" \
    --client-ca-file "$pki/ca.crt" --authorization-mode Node,RBAC \
    --enable-admission-plugins NodeRestriction --allow-privileged \
    --service-cluster-ip-range "$SERVICE_RANGE" \
    --service-account-issuer https://kubernetes.default.svc.cluster.local \
    --service-account-key-file "$pki/service-accounts.key" \
    --service-account-signing-key-file "$pki/service-accounts.key" \
    --kubelet-client-certificate "$pki/apiserver-kubelet-client.crt" \
    --kubelet-client-key "$pki/apiserver-kubelet-client.key" \
    --kubelet-preferred-address-types InternalIP \
    --default-not-ready-toleration-seconds 5 --default-unreachable-toleration-seconds 5
  until_true 120 "the API server" kubectl get --raw /readyz

  daemon kube-controller-manager "$BIN/kube-controller-manager" \
    --kubeconfig "$STATE/controller-manager.kubeconfig" --leader-elect=false --bind-address 127.0.0.1 \
    --use-service-account-credentials --service-account-private-key-file "$pki/service-accounts.key" \
    --flex-volume-plugin-dir "$STATE/volume-plugins" --root-ca-file "$pki/ca.crt" --kube-api-qps 200 --kube-api-burst 400 \
    --node-monitor-period 2s --node-monitor-grace-period 10s

  daemon kube-scheduler "$BIN/kube-scheduler" \
    --kubeconfig "$STATE/scheduler.kubeconfig" --leader-elect=false --bind-address 127.0.0.1 \
    --kube-api-qps 1000 --kube-api-burst 2000

  # All nodes share the namespace, so one proxy serves them. It leaves the kernel's limits on connections alone.
  # It ends when its file is written again, so that only happens when it does not run.
  running kube-proxy || cat >"$STATE/proxy.yaml" <<EOF
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
hostnameOverride: node-0
clientConnection: {kubeconfig: $STATE/proxy.kubeconfig}
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
EOF
  daemon kube-proxy "$BIN/kube-proxy" --config "$STATE/proxy.yaml"

  # Names of Services and pods. It answers on every address in the namespace; pods ask the API server's.
  cat >"$STATE/Corefile" <<EOF
cluster.local:53 {
  errors
  kubernetes cluster.local {
    kubeconfig $CLUSTER_KUBECONFIG
  }
}
EOF
  daemon coredns "$BIN/coredns" -conf "$STATE/Corefile"
}
