# Postfach's two commands are `make demo` and `make check`; both install what they need.
BUILD ?= build

.PHONY: all demo check bench fuzz crash-fetch install clean

all:
	@check/install-packages build
	@test -f $(BUILD)/build.ninja || meson setup $(BUILD) --buildtype=debugoptimized -Dtests=false >/dev/null
	@ninja -C $(BUILD) --quiet

demo: ONCE ?=
demo:
	@check/install-packages demo
	@$(MAKE) --no-print-directory all
	@BUILD=$(BUILD) ONCE=$(ONCE) demo/run

check:
	@check/install-packages test
	@check/run

bench:
	@check/install-packages test
	@bench/run

# Longer fuzzing of every target; SECONDS_EACH=3600 for a night.
fuzz:
	@check/install-packages test
	@check/fuzz

# `postfach fetch` is killed at CRASH_POINTS moments of a run (make check: 60).
crash-fetch:
	@check/install-packages test
	@CRASH_POINTS=$${CRASH_POINTS:-600} TEST_LIMIT=7200 check/run --verbose test/peer/fetch_crash.t

install: all
	@meson install -C $(BUILD)

clean:
	rm -rf build build-check build-bench build-fuzz
