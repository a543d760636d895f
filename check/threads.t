#!/bin/sh
# test/unit/proto/test_threads.c with the sources of libpostfach, each access watched (ThreadSanitizer): several threads
# may have engines at once. Where that sanitizer cannot run, t_proto_threads has compared what they say.
cd "$(dirname "$0")/.." || exit 1
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
flags="-std=gnu17 -D_GNU_SOURCE -DPF_VERSION=\"x\" -O1 -g -fsanitize=thread -Iinclude -Isrc -Itest -pthread"

# It must see a race: two threads, one counter.
cat >"$folder/race.c" <<'END'
#include <pthread.h>
static int count;
static void *more(void *x)
{
    for (int i = 0; i < 1000; i++)
        count++;
    return x;
}
int main(void)
{
    pthread_t a, b;
    return pthread_create(&a, 0, more, 0) || pthread_create(&b, 0, more, 0) || pthread_join(a, 0) || pthread_join(b, 0);
}
END
if ! gcc $flags "$folder/race.c" -o "$folder/race" 2>/dev/null; then
  echo "1..0 # SKIP no ThreadSanitizer here"
  exit
fi
"$folder/race" >"$folder/said" 2>&1
if ! grep -q 'data race' "$folder/said"; then
  echo "1..0 # SKIP ThreadSanitizer does not run here: $(head -n 1 "$folder/said")"
  exit
fi

sources=$(sed -n "/^in_library/,/^)/s/^  '\(.*\)',$/src\/proto\/\1/p" src/proto/meson.build)
echo "1..1"
if gcc $flags $sources src/base/err.c src/base/words.c src/base/text.c src/base/crlf.c test/unit/proto/test_threads.c -lcmocka \
  -o "$folder/threads" >"$folder/said" 2>&1 && "$folder/threads" >"$folder/said" 2>&1 &&
  ! grep -q WARNING "$folder/said" && grep -q '^ok 1' "$folder/said"; then
  echo "ok 1 - engines in several threads, $(echo "$sources" | wc -l) sources"
else
  sed 's/^/# /' "$folder/said"
  echo "not ok 1 - engines in several threads"
  exit 1
fi
