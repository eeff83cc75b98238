# SPDX-License-Identifier: Apache-2.0
# A thin front over Meson and Ninja; CONTRIBUTING.md says when to use what.
#
#   make            builds build/culver (release, hardened)
#   make run        serves a demo account from var/ on loopback
#   make test       all tests; the last line is "N passed, N failed"
#   make unit       the unit tests alone, seconds
#   make asan       unit tests and transcripts under ASan and UBSan
#   make tsan       whatever has threads under TSan
#   make fuzz T=name S=seconds        make fuzz-all S=seconds
#   make fuzz-corpus    takes what they found into fuzz/corpus, minimised
#   make format     clang-format over the tree
#   make check      format, both compilers' warnings, include matrix, analysis
#   make soak       the long form of the fault tests; W="kill power" some
#   make bench W=row PEERS="dovecot cyrus"     Culver beside its peers
#   make bench-growth   the same with more mail, accounts, connections; plots
#   make costs      counts of what things cost: syncs, records, calls, bytes
#   make install DESTDIR= PREFIX=/usr/local

.DELETE_ON_ERROR:
.PHONY: all build deps run test unit asan tsan fuzz fuzz-all fuzz-corpus \
	format check \
	bench bench-growth costs soak install clean

PREFIX ?= /usr/local
DESTDIR ?=
S ?= 60
# Debian's, whatever PATH has first: the packages are installed for these.
PYTHON = /usr/bin/python3
MESON = /usr/bin/meson
NINJA = /usr/bin/ninja

all: build

# What a target needs beyond a build is installed with the rest at once.
deps:
	@tools/deps build $(ALSO)
run: ALSO = run
test asan costs soak: ALSO = run test
bench bench-growth: ALSO = run test bench

build: deps build/build.ninja
	@$(NINJA) -C build $(if $(V),-v)

build/build.ninja:
	$(MESON) setup build --buildtype=debugoptimized -Dtests=false

# Under sanitizers gcc warns of what cannot happen: the builds for make check
# are the ones without a warning.
build-asan/build.ninja:
	$(MESON) setup build-asan --buildtype=debug -Doptimization=1 \
		-Db_sanitize=address,undefined -Dwerror=false

build-tsan/build.ninja:
	$(MESON) setup build-tsan --buildtype=debug -Doptimization=1 \
		-Db_sanitize=thread -Dwerror=false

build-fuzz/build.ninja:
	CC=clang $(MESON) setup build-fuzz --buildtype=debugoptimized \
		-Dfuzz=true -Dtests=false -Db_lundef=false \
		-Db_sanitize=address,undefined

build-gcc/build.ninja:
	CC=gcc $(MESON) setup build-gcc --buildtype=debugoptimized

build-clang/build.ninja:
	CC=clang $(MESON) setup build-clang --buildtype=debug

run: build
	@tools/run-demo

test: build
	@$(PYTHON) tests/run $(STEPS)

unit:
	@tools/deps build test
	@$(PYTHON) tests/run unit

asan: build
	@$(PYTHON) tests/run unit transcripts

tsan:
	@tools/deps build test
	@$(PYTHON) tests/run tsan

fuzz:
	@tools/deps build test
	@$(PYTHON) tests/run fuzz --target '$(T)' --seconds $(S)

fuzz-all:
	@tools/deps build test
	@$(PYTHON) tests/run fuzz --seconds $(S)

fuzz-corpus:
	@tools/deps build test
	@$(MAKE) -s build-fuzz/build.ninja
	@$(NINJA) -C build-fuzz
	@fuzz/minimise $(T)

format:
	@tools/deps develop
	@git ls-files '*.c' '*.h' | xargs clang-format -i

check:
	@tools/deps build test develop
	@tools/check

soak: build
	@$(PYTHON) tests/soak $(W)

# All rows write bench/RESULTS.md; single ones only print.
bench: build
	@bench/compare $(W) $(if $(filter undefined,$(origin PEERS)),,--peers '$(PEERS)')

bench-growth: build
	@bench/growth $(if $(filter undefined,$(origin PEERS)),,--peers '$(PEERS)')

costs: build
	@bench/counts/run

install: build
	$(MESON) configure build -Dprefix='$(PREFIX)' \
		-Dsysconfdir=$(if $(filter /usr /usr/local,$(PREFIX)),/etc,etc)
	DESTDIR='$(DESTDIR)' $(MESON) install -C build

clean:
	rm -rf build build-asan build-tsan build-fuzz build-gcc build-clang
