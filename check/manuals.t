#!/bin/sh
# Every manual page is clean for mandoc, and every program has one.
cd "$(dirname "$0")/.." || exit 1
bad=0
count=0
for page in man/*.[1-8]; do
  count=$((count + 1))
  mandoc -T lint -W warning "$page" | sed 's/^/# /' | grep . && bad=$((bad + 1))
done
for program in postfachd.8 postfach.1 postfach.conf.5 libpostfach.3; do
  [ -f "man/$program" ] || { echo "# man/$program is missing"; bad=$((bad + 1)); }
done
echo "1..1"
if [ "$bad" = 0 ] && [ "$count" -gt 2 ]; then
  echo "ok 1 - $count manual pages"
else
  echo "not ok 1 - $bad faults in $count manual pages"
  exit 1
fi
