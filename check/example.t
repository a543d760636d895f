#!/bin/sh
# The program that doc/block/engine.md shows: it compiles, and speaks POP3.
cd "$(dirname "$0")/.." || exit 1
BUILD=${BUILD:-build-check}
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
sed -n '/^```c$/,/^```$/{/^```/d;p}' doc/block/engine.md >"$folder/example.c"
echo "1..2"
if gcc -std=gnu17 -D_GNU_SOURCE -Wall -Wextra -Wconversion -Werror -fsanitize=address,undefined -Iinclude -Isrc \
  "$folder/example.c" "$BUILD/src/proto/libpf_proto.a" "$BUILD/src/base/libpf_base.a" \
  -o "$folder/example" >"$folder/said" 2>&1; then
  echo "ok 1 - the example compiles"
else
  sed 's/^/# /' "$folder/said"
  echo "not ok 1 - the example compiles"
  echo "not ok 2 - and fetches a message"
  exit 1
fi
"$folder/example" 2>&1 | tr -d '\r' >"$folder/said"
if grep -qx '+OK 1 messages (9 octets)' "$folder/said" && grep -qx '\.\.b' "$folder/said" &&
  [ "$(tail -n 1 "$folder/said")" = "+OK bye" ] && ! grep -q -e -ERR "$folder/said"; then
  echo "ok 2 - and fetches a message"
else
  sed 's/^/# /' "$folder/said"
  echo "not ok 2 - and fetches a message"
  exit 1
fi
