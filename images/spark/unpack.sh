#!/usr/bin/env bash
# Lays out Spark in OUT/opt/spark from the source package of pyspark: unpack.sh PACKAGE.tar.gz OUT
set -euo pipefail
package=$1 spark=$2/opt/spark
unpacked=$(mktemp -d)
tar -xzf "$package" -C "$unpacked" --strip-components=1
mkdir -p "$spark/python/lib" "$spark/work-dir"
for part in bin sbin jars data; do
  [ ! -e "$unpacked/deps/$part" ] || mv "$unpacked/deps/$part" "$spark/"
done
# Where Spark's own distribution has them.
mkdir -p "$spark/examples/src/main"
mv "$unpacked/deps/examples" "$spark/examples/src/main/python"
mv "$unpacked/pyspark" "$spark/python/"
mv "$unpacked"/lib/*.zip "$spark/python/lib/"
if compgen -G "$spark/jars/spark-mesos_*" >/dev/null; then
  # Its executors on Mesos start without what the JVM has to open since Java 17.
  opens=
  for package in java.lang java.nio java.util java.util.concurrent sun.nio.ch sun.nio.cs sun.security.action; do
    opens+=" --add-opens=java.base/$package=ALL-UNNAMED"
  done
  mkdir -p "$spark/conf"
  printf 'export JDK_JAVA_OPTIONS="%s"\n' "${opens# }" >"$spark/conf/spark-env.sh"
fi
chmod 775 "$spark/work-dir"
rm -rf "$unpacked"
