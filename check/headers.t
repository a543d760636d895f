#!/bin/sh
# Every header stands alone: it includes what it uses, and says what it is for.
cd "$(dirname "$0")/.." || exit 1
count=0
bad=0
for header in $(find include src -name '*.h' | sort); do
  count=$((count + 1))
  gcc -std=gnu17 -D_GNU_SOURCE -Wall -Wextra -Werror -Iinclude -Isrc -fsyntax-only -x c "$header" 2>&1 | sed 's/^/# /' | grep . && bad=$((bad + 1))
  head -n 1 "$header" | grep -q '^/\*' || { echo "# $header: no essay at its head"; bad=$((bad + 1)); }
done
echo "1..1"
if [ "$bad" = 0 ] && [ "$count" -gt 20 ]; then
  echo "ok 1 - $count headers stand alone"
else
  echo "not ok 1 - $bad of $count headers"
  exit 1
fi
