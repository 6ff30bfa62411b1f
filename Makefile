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
#   make cross       builds for other targets and runs what was built (installs what is missing); TARGET=triple: one of them
#   make cross-all   the same, for more targets

CARGO ?= cargo
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DESTDIR ?=
RELEASE := $(or $(CARGO_TARGET_DIR),target)/release

# For these two only: what `make test` runs installs elsewhere.
install uninstall: export PREFIX := $(PREFIX)
install uninstall: export LIBDIR := $(LIBDIR)
install uninstall: export INCLUDEDIR := $(INCLUDEDIR)
install uninstall: export DESTDIR := $(DESTDIR)

# Both C libraries in one go, and nothing else: with a Rust library among them whole-program optimisation is off. The
# link is what programs ask for at run time.
LIBRARIES := $(CARGO) rustc --release --lib --crate-type cdylib,staticlib

all:
	$(LIBRARIES)
	ln -sf libsds_smtp.so $(RELEASE)/libsds_smtp.so.0

demo: setup all
	$(CARGO) build --example mail_sink
	scripts/demo.sh

setup:
	scripts/setup.sh build

test:
	scripts/test.sh

# Does not rebuild what is there: installing is often done as root, building never should be.
install: $(RELEASE)/libsds_smtp.so
	scripts/install.sh install

$(RELEASE)/libsds_smtp.so:
	$(MAKE) all

uninstall:
	scripts/install.sh uninstall

header:
	$(CARGO) build --features header

bench:
	benches/run.sh $(PART)

lint:
	scripts/lint.sh

cross:
	scripts/cross/run.sh $(TARGET)

cross-all:
	scripts/cross/run.sh all

clean:
	$(CARGO) clean

.PHONY: all setup demo test install uninstall header bench lint cross cross-all clean
