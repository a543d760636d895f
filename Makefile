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

# Servers side by side (doc/BENCHMARK.md): QUICK=1 is short, WRITE=1 sets that page anew. bench/run has the other benches.
bench:
	@check/install-packages test
	@test -f build-bench/build.ninja || meson setup build-bench --buildtype=release >/dev/null
	@ninja -C build-bench --quiet benches
	@folder=$$(mktemp -d) && chmod 711 $$folder && trap 'rm -rf '$$folder EXIT && TMPDIR=$$folder bench/table.py \
	  $(if $(QUICK),--quick) $(if $(WRITE),--write)

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
