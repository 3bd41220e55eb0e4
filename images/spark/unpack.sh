#!/usr/bin/env bash
# Lays out Spark in OUT/opt/spark from the source package of pyspark: unpack.sh PACKAGE.tar.gz OUT
set -euo pipefail
package=$1 spark=$2/opt/spark
unpacked=$(mktemp -d)
tar -xzf "$package" -C "$unpacked" --strip-components=1
mkdir -p "$spark/python/lib" "$spark/work-dir"
for part in bin sbin jars examples data; do
  [ ! -e "$unpacked/deps/$part" ] || mv "$unpacked/deps/$part" "$spark/"
done
mv "$unpacked/pyspark" "$spark/python/"
mv "$unpacked"/lib/*.zip "$spark/python/lib/"
chmod 775 "$spark/work-dir"
rm -rf "$unpacked"
