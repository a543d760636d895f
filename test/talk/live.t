#!/bin/sh
# The talks against the server itself, in the shape that SHAPE names.
BUILD=${BUILD:-build-check}
cd "$(dirname "$0")/../.." || exit 1
if [ ! -x "$BUILD/src/role/postfachd" ]; then
  echo "1..0 # SKIP $BUILD/src/role/postfachd is not built"
  exit 0
fi
exec python3 test/talk/live.py --server "$BUILD/src/role/postfachd"
