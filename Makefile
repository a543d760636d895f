# Postfach's two commands are `make demo` and `make check`; both install what they need.
BUILD ?= build

.PHONY: all demo check bench fuzz install clean

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

install: all
	@meson install -C $(BUILD)

clean:
	rm -rf build build-check build-bench build-fuzz
