# What people and CI type; cargo and the scripts in scripts/ do the work.
#
#   make             the libraries, in target/release
#   make demo        send a mail from C to a server on this machine, and show it (installs what is missing)
#   make test        all tests (installs what is missing)
#   make install     PREFIX=/usr/local, LIBDIR, INCLUDEDIR, DESTDIR
#   make uninstall   with the same variables
#   make header      write the headers in include/ anew from the Rust source
#   make bench       speed and size; PART=name: one part; PART=footprint: what microcontrollers have to spare for it
#   make lint        format and clippy
#   make fuzz        fuzzes each part for TIME seconds, 60 by default (installs what is missing); fuzz/README.md
#   make cross       builds for other targets and runs what was built (installs what is missing); TARGET=triple: one of them
#   make cross-all   the same, for more targets

CARGO ?= cargo
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DESTDIR ?=

# For these two only: what `make test` runs installs elsewhere.
install uninstall: export PREFIX := $(PREFIX)
install uninstall: export LIBDIR := $(LIBDIR)
install uninstall: export INCLUDEDIR := $(INCLUDEDIR)
install uninstall: export DESTDIR := $(DESTDIR)

all:
	CARGO='$(CARGO)' scripts/people/build.sh

demo: setup all
	scripts/people/demo.sh

setup:
	scripts/people/setup.sh build

test:
	scripts/ci/test.sh

# Does not rebuild what is there: installing is often done as root, building never should be. What is older than its source
# is refused.
install: | $(filter all,$(MAKECMDGOALS))
	scripts/people/install.sh install

uninstall:
	scripts/people/install.sh uninstall

header:
	$(CARGO) build --features header

bench:
	benches/run.sh $(PART)

lint:
	scripts/ci/lint.sh

fuzz:
	scripts/people/setup.sh fuzz
	scripts/ci/fuzz.sh $(TIME)

cross:
	scripts/cross/run.sh $(TARGET)

cross-all:
	scripts/cross/run.sh all

clean:
	$(CARGO) clean

.PHONY: all setup demo test install uninstall header bench lint fuzz cross cross-all clean
