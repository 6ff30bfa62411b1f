# What people and CI type; cargo and the scripts in scripts/ do the work. `make help` prints this list.
#
#   make             builds both libraries, in target/release; LEAN=1: without the feature unicode (names of ASCII only)
#   make help        prints this
#   make demo        sends a mail from C to a server on this machine, and shows it            (+)
#   make check       tests what this machine can as it is; no root; says what it leaves out
#   make test        runs all tests of every submission; root for Postfix, Exim, namespaces   (+)
#   make test-all    runs everything there is, for hours; PART=name: one part below 20 minutes (+)
#   make setup       installs what make test needs; FOR=build, bench, fuzz, cross or cross-all: what those need
#   make install     installs; PREFIX=/usr/local, LIBDIR, INCLUDEDIR, DESTDIR
#   make uninstall   with the same variables
#   make header      writes the headers in include/ anew from the Rust source
#   make lint        checks format, clippy, scripts
#   make bench       measures speed and size; PART=name: one part; PART=footprint: microcontrollers (+)
#   make fuzz        fuzzes each part for TIME seconds, 60 by default; fuzz/README.md
#   make flash       measures the device's flash and RAM in a minute; TARGET=thumbv7m-none-eabi
#   make cross       builds for other targets, runs what was built; TARGET=triple: one of them (+)
#   make cross-all   the same, for all targets                                                (+)
#   make clean       removes what was built
#
# (+) installs what is missing, with apt-get, rustup and pip, and prints first what it is going to run. Nothing else installs.

CARGO ?= cargo
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DESTDIR ?=
# For whatever is built or installed.
export LEAN ?=

# For these two only: what `make test` runs installs elsewhere.
install uninstall: export PREFIX := $(PREFIX)
install uninstall: export LIBDIR := $(LIBDIR)
install uninstall: export INCLUDEDIR := $(INCLUDEDIR)
install uninstall: export DESTDIR := $(DESTDIR)

all:
	CARGO='$(CARGO)' scripts/people/build.sh

help:
	@sed -n '/^#   make/s/^#   //p; s/^# (+)/(+)/p' Makefile

# One after the other, with -j, too.
demo:
	scripts/people/setup.sh build
	$(MAKE) --no-print-directory all
	scripts/people/demo.sh

setup:
	scripts/people/setup.sh $(or $(FOR),test)

check:
	scripts/ci/check.sh

test:
	scripts/ci/test.sh

test-all:
	scripts/ci/test_all.sh $(PART)

# Does not rebuild what is there: installing is often done as root, building never should be. What is older than its source
# is refused.
install: | $(filter all,$(MAKECMDGOALS))
	scripts/people/install.sh install

uninstall:
	scripts/people/install.sh uninstall

header:
	CARGO='$(CARGO)' scripts/people/cargo.sh build --features header

bench:
	benches/run.sh $(PART)

flash:
	scripts/boards/flash.sh $(TARGET)

lint:
	scripts/ci/lint.sh

fuzz:
	scripts/ci/fuzz.sh $(TIME)

cross:
	scripts/cross/run.sh $(TARGET)

cross-all:
	scripts/cross/run.sh all

clean:
	CARGO='$(CARGO)' scripts/people/cargo.sh clean

.PHONY: all help demo setup check test test-all install uninstall header bench flash fuzz lint cross cross-all clean
