#!/bin/sh
# The short form of `make fuzz`: a few seconds for each target.
SECONDS_EACH=${SECONDS_EACH:-4} exec "$(dirname "$0")/fuzz"
