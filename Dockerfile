# Two images from one build: `docker build --target operator .` and `docker build --target executor .`
# Both hold one static binary and run as user 65532.
# tests/cluster/install replaces the stage `build` with a folder of ready binaries and builds the rest as it is.

# Builds on the machine's own architecture, for the one that is asked for: amd64 or arm64.
FROM --platform=$BUILDPLATFORM rust:1.95-slim-bookworm AS build
ARG TARGETARCH
ARG PROFILE=release
# The C compiler and the static C library of the target: ring has C and assembly sources.
RUN set -eu; \
    case "$TARGETARCH" in \
      amd64) compiler=gcc-x86-64-linux-gnu; rust=x86_64 ;; \
      arm64) compiler=gcc-aarch64-linux-gnu; rust=aarch64 ;; \
      *) echo "TARGETARCH is '$TARGETARCH', but has to be amd64 or arm64" >&2; exit 1 ;; \
    esac; \
    library="libc6-dev-$TARGETARCH-cross"; \
    if [ "$(dpkg --print-architecture)" = "$TARGETARCH" ]; then compiler=gcc; library=libc6-dev; fi; \
    apt-get update -q; \
    apt-get install -qy --no-install-recommends ca-certificates "$compiler" "$library"; \
    rm -rf /var/lib/apt/lists/*; \
    rustup target add "$rust-unknown-linux-gnu"
WORKDIR /src
COPY . .
# With --target, crt-static does not apply to procedural macros, which have to stay dynamic.
# Each image's root is laid out below /out.
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target,id=target-$TARGETARCH \
    set -eu; \
    case "$TARGETARCH" in amd64) arch=x86_64 ;; arm64) arch=aarch64 ;; esac; \
    target="$arch-unknown-linux-gnu"; \
    export "CC_${arch}_unknown_linux_gnu=$arch-linux-gnu-gcc"; \
    export "CARGO_TARGET_$(echo "$target" | tr a-z- A-Z_)_LINKER=$arch-linux-gnu-gcc"; \
    folder="$PROFILE"; [ "$folder" != dev ] || folder=debug; \
    RUSTFLAGS="-C target-feature=+crt-static -C strip=symbols" \
      cargo build --locked --profile "$PROFILE" --target "$target" -p proffer -p proffer-executor; \
    : "The library that a JVM loads cannot be static."; \
    RUSTFLAGS="-C strip=symbols" \
      cargo build --locked --profile "$PROFILE" --target "$target" -p proffer-libmesos; \
    mkdir -p /out/spark-mesos/usr/lib; \
    cp "target/$target/$folder/libmesos.so" /out/spark-mesos/usr/lib/; \
    for image in operator executor; do \
      mkdir -p "/out/$image/etc/ssl/certs"; \
      cp /etc/ssl/certs/ca-certificates.crt "/out/$image/etc/ssl/certs/"; \
    done; \
    cp "target/$target/$folder/proffer" /out/operator/; \
    cp "target/$target/$folder/proffer-executor" /out/executor/

# Roots of trust: the API server is trusted by the cluster's own certificate, which Kubernetes mounts.
# Object stores are reached through the system's certificates, which rustls-platform-verifier reads from
# /etc/ssl/certs/ca-certificates.crt, or from where SSL_CERT_FILE says. So both images bring that file.
# An executor that is copied into a user's image finds that image's certificates there instead.

FROM scratch AS executor
COPY --from=build /out/executor/ /
USER 65532:65532
ENTRYPOINT ["/proffer-executor"]

FROM scratch AS operator
COPY --from=build /out/operator/ /
USER 65532:65532
ENTRYPOINT ["/proffer"]

# Apache Spark with Python, as its own images have it: `docker build --target spark .`, and with
# `--build-arg SPARK_VERSION=3.5.9` another version. tests/cluster/spark-image replaces the stages `spark-system`,
# `spark-files` and `build` with folders.
FROM debian:bookworm-slim AS spark-system
RUN set -eu; \
    apt-get update -q; \
    apt-get install -qy --no-install-recommends ca-certificates openjdk-17-jre-headless procps python3 python3-numpy tini; \
    rm -rf /var/lib/apt/lists/* /usr/share/doc/* /usr/share/man/*; \
    : "The user of the image, and the one that tasks of Mesos run as: a JVM wants a name for it."; \
    echo 'spark:x:185:0:spark:/opt/spark/work-dir:/bin/bash' >> /etc/passwd; \
    echo 'proffer:x:65532:65532:proffer:/tmp:/bin/sh' >> /etc/passwd

FROM debian:bookworm-slim AS spark-files
ARG SPARK_VERSION=4.3.0
RUN set -eu; \
    apt-get update -q; \
    apt-get install -qy --no-install-recommends ca-certificates python3-pip; \
    pip download --no-deps --no-build-isolation --no-binary :all: --dest /tmp "pyspark==$SPARK_VERSION"
COPY images/spark/unpack.sh /tmp/
RUN /tmp/unpack.sh /tmp/pyspark-*.tar.gz /out

FROM scratch AS spark
COPY --from=spark-system / /
COPY --from=spark-files /out/ /
COPY images/spark/entrypoint.sh images/spark/decom.sh /opt/
ENV SPARK_HOME=/opt/spark PATH=/opt/spark/bin:/usr/local/bin:/usr/bin:/bin
WORKDIR /opt/spark/work-dir
USER 185
ENTRYPOINT ["/opt/entrypoint.sh"]

# The same as a framework of Mesos, which Spark 3.5 still can be, with the library that Mesos used to bring:
# `docker build --target spark-mesos --build-arg SPARK_VERSION=3.5.9 .`
FROM spark AS spark-mesos
COPY --from=build /out/spark-mesos/ /
ENV MESOS_NATIVE_JAVA_LIBRARY=/usr/lib/libmesos.so
