#!/bin/sh
# The program that doc/block/client.md shows: it compiles, speaks POP3 and fetches a message.
cd "$(dirname "$0")/.." || exit 1
BUILD=${BUILD:-build-check}
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
sed -n '/^```c$/,/^```$/{/^```/d;p}' doc/block/client.md >"$folder/example.c"
echo "1..2"
if gcc -std=gnu17 -D_GNU_SOURCE -Wall -Wextra -Wconversion -Werror -fsanitize=address,undefined -Iinclude -Isrc \
  "$folder/example.c" "$BUILD/src/proto/libpf_proto.a" "$BUILD/src/base/libpf_base.a" \
  -o "$folder/example" >"$folder/compiled" 2>&1; then
  echo "ok 1 - the example compiles"
else
  sed 's/^/# /' "$folder/compiled"
  echo "not ok 1 - the example compiles"
  echo "not ok 2 - and fetches a message"
  exit 1
fi
"$folder/example" >"$folder/fetched" 2>"$folder/said"
status=$?
printf 'a\r\n\r\n.b\r\n' >"$folder/message"
printf 'CAPA\r\nUSER anna\r\nPASS secret\r\nLIST\r\nRETR 1\r\nDELE 1\r\nQUIT\r\n' >"$folder/commands"
if [ "$status" = 0 ] && cmp -s "$folder/fetched" "$folder/message" && cmp -s "$folder/said" "$folder/commands"; then
  echo "ok 2 - and fetches a message"
else
  sed 's/^/# /' "$folder/fetched" "$folder/said"
  echo "not ok 2 - and fetches a message"
  exit 1
fi
