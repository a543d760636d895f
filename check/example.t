#!/bin/sh
# The programs that doc/block/engine.md and client.md show: they compile, speak POP3 and fetch a message.
cd "$(dirname "$0")/.." || exit 1
BUILD=${BUILD:-build-check}
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
number=0
bad=0

# report STATUS NAME FILE...: a test's result, and what was said when it failed
report() {
  number=$((number + 1))
  if [ "$1" = 0 ]; then
    echo "ok $number - $2"
    return
  fi
  bad=1
  echo "not ok $number - $2"
  shift 2
  sed 's/^/# /' "$@"
}

# compile PAGE: the program that the page shows, as $folder/PAGE
compile() {
  sed -n '/^```c$/,/^```$/{/^```/d;p}' "doc/block/$1.md" >"$folder/$1.c"
  gcc -std=gnu17 -D_GNU_SOURCE -Wall -Wextra -Wconversion -Werror -fsanitize=address,undefined -Iinclude -Isrc \
    "$folder/$1.c" "$BUILD/src/proto/libpf_proto.a" "$BUILD/src/base/libpf_base.a" -o "$folder/$1" \
    >"$folder/compiled" 2>&1
  report $? "the program of $1.md compiles" "$folder/compiled"
}

engine() {
  "$folder/engine" 2>&1 | tr -d '\r' >"$folder/said"
  grep -qx '+OK 1 messages (9 octets)' "$folder/said" && grep -qx '\.\.b' "$folder/said" &&
    [ "$(tail -n 1 "$folder/said")" = "+OK bye" ] && ! grep -q -e -ERR "$folder/said"
}

client() {
  printf 'a\r\n\r\n.b\r\n' >"$folder/message"
  printf 'CAPA\r\nUSER anna\r\nPASS secret\r\nLIST\r\nRETR 1\r\nDELE 1\r\nQUIT\r\n' >"$folder/commands"
  "$folder/client" >"$folder/fetched" 2>"$folder/said" &&
    cmp -s "$folder/fetched" "$folder/message" && cmp -s "$folder/said" "$folder/commands"
}

echo "1..4"
: >"$folder/fetched"
compile engine
engine
report $? "and fetches a message" "$folder/said"
compile client
client
report $? "and fetches a message" "$folder/fetched" "$folder/said"
exit $bad
