# Names for commands only; what they do stands in scripts/.

.PHONY: help demo test check bench bench-calls bench-calls-python reference install uninstall wheel clean test-planted test-schedules test-long soak coverage audit

help:               ## this list
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/: +## +/\t/' | expand -t 20

demo:               ## load real data while being killed, check it from every language, ask it questions (FILE=my.tsv: yours)
	@scripts/demo.sh $(if $(FILE),--file '$(FILE)')

test:               ## build and run every test of every language
	@scripts/test.sh

check:              ## the fast part of test: format, lints, house rules
	@scripts/check.sh

bench:              ## our own figures (ARGS='--num 1000000 fillseq readrandom')
	@scripts/bench.sh $(ARGS)

bench-calls-python: ## nanoseconds per call of the Python package (PEERS=1: beside plyvel, lmdb, rocksdict; ARGS='--num 1000000')
	@PEERS='$(PEERS)' scripts/bench-calls-python.sh $(ARGS)

bench-calls:        ## nanoseconds for one call from C (ARGS='1000000 9': entries, rounds)
	@scripts/bench-calls.sh $(ARGS)

install:            ## library, headers, pkg-config, CMake, man pages, tool (PREFIX=/usr/local DESTDIR= LIBDIR=lib)
	@PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' LIBDIR='$(LIBDIR)' scripts/install.sh

uninstall:          ## removes what install laid down (the same PREFIX, DESTDIR and LIBDIR)
	@PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' LIBDIR='$(LIBDIR)' scripts/install.sh --uninstall

reference:          ## esker.h and esker.hpp to browse: target/reference/index.html
	@scripts/reference.sh

wheel:              ## the Python package as target/wheels/*.whl, and its source distribution
	@scripts/wheel.sh

coverage:           ## lines and regions of the engine that its tests reach (ARGS='--report wal': what they do not)
	@scripts/coverage.sh $(ARGS)

audit:              ## dependencies with known vulnerabilities, unmaintained or yanked (cargo install cargo-audit; needs the network)
	@cargo audit

clean:              ## remove everything that was built
	@rm -rf target

test-planted:       ## plant one bug after the other; the quick tests must catch each
	@scripts/test-planted.sh $(PLANTED)

test-schedules:     ## the small concurrent parts under every schedule, the whole engine under many (SCHEDULES=20000)
	@$(if $(SCHEDULES),SCHEDULES='$(SCHEDULES)') scripts/test-schedules.sh

test-long:          ## hours of random tests with fresh seeds; a line per family in docs/testing.md (HOURS=8 FAMILIES='crash fuzz')
	@HOURS='$(or $(HOURS),1)' $(if $(FAMILIES),FAMILIES='$(FAMILIES)') scripts/test-long.sh

soak:               ## everything at once for so long, with its costs watched (MINUTES=30 ARGS='--rate 5000')
	@CARGO_TARGET_DIR=target cargo run --release -p esker-bench --example soak -- --minutes '$(or $(MINUTES),30)' $(ARGS)
