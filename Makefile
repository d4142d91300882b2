# make               build/luamig, and build/luamig.so for `require "luamig"`
# make install       into $(DESTDIR)$(PREFIX)/bin and lib/lua/5.4
# make deps          install what building and the demo need (FOR=test, FOR=lint: more)
# make demo          build, start a throw-away PostgreSQL, migrate migrations-example
# make test          C unit tests and busted specs against servers of their own
# make test-matrix   the specs on each server of PG_BINDIRS="/usr/lib/postgresql/15/bin ..."
# make lint          clang-format, layers, sizes, luacheck, cppcheck
# make faults        makes things go wrong, for up to ten minutes
# make bench         ratios against psql
# make valgrind      unit tests, corpora and a short run of the program under valgrind
# make fuzz          each fuzz target for SECONDS=60
# V=1                show the commands
# SAN=1              with ASan and UBSan, in build-san/
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

VERSION = 0.1.0
PREFIX ?= /usr/local
BUILD   = build$(if $(SAN),-san)
CFLAGS ?= -O2 -g
Q       = $(if $(V),,@echo '  ' $(@);)
SECONDS = 60
comma   = ,

PKGS    = lua5.4 libpq libcrypto json-c
WARN    = -Wall -Wextra -Wpedantic -Werror -Wshadow -Wconversion -Wsign-conversion \
          -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wwrite-strings \
          -Wcast-qual -Wpointer-arith -Wundef -Wvla -Wformat=2 -Wnull-dereference \
          -Wdouble-promotion -Wimplicit-fallthrough
HARDEN  = $(if $(SAN),-fsanitize=address$(comma)undefined -fno-sanitize-recover=undefined \
          -fno-omit-frame-pointer,-D_FORTIFY_SOURCE=2 -fstack-protector-strong)
# For the program and the module alike; what only one of them calls is left out of the other.
CODE    = -fPIC -fvisibility=hidden -ffunction-sections -fdata-sections
# Recursive on purpose: pkg-config is not asked before there is something to compile.
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE -DLUAMIG_VERSION='"$(VERSION)"' -Isrc -I. $(WARN) \
             $(HARDEN) $(CODE) -pthread $(shell pkg-config --cflags $(PKGS)) $(CFLAGS)
ALL_LIBS   = -pie -Wl,--gc-sections $(shell pkg-config --libs $(PKGS)) $(LDFLAGS)
# Lua is in the host's executable already: a second copy would have states of its own.
MODULE_LIBS = -shared -Wl,--gc-sections -Wl,-z,nodelete \
             $(shell pkg-config --libs $(filter-out lua%,$(PKGS))) $(LDFLAGS)

SRC   := $(sort $(wildcard src/*.c src/*/*.c))
LUA   := $(sort $(wildcard lua/luamig/*.lua))
TEST  := $(sort $(wildcard tests/test_*.c))
FUZZ  := $(sort $(wildcard tests/fuzz_*.c))
FAULTS := $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard tests/faults/*.c)))
OBJ   := $(SRC:%.c=$(BUILD)/%.o) $(BUILD)/embed.o
LIB   := $(filter-out $(BUILD)/src/main.o,$(OBJ))
UNITS := $(TEST:%.c=$(BUILD)/%)
REPLAY := $(FUZZ:%.c=$(BUILD)/%)

all: $(BUILD)/luamig $(BUILD)/luamig.so

$(BUILD)/luamig: $(OBJ)
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $(OBJ) $(ALL_LIBS)

$(BUILD)/luamig.so: $(LIB)
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $(LIB) $(MODULE_LIBS)

$(BUILD)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# One C file with every Lua module; od and sed are all it takes.
$(BUILD)/embed.c: $(LUA) Makefile
	@mkdir -p $(@D)
	@{ echo '#include "script/embed.h"'; \
	   for f in $(LUA); do m=$$(basename $$f .lua); \
	     echo "static const unsigned char lua_$$m[] = {"; \
	     od -An -v -tx1 $$f | sed 's/ *\([0-9a-f][0-9a-f]\)/0x\1,/g'; echo '};'; done; \
	   echo 'const struct embedded embedded_modules[] = {'; \
	   for f in $(LUA); do m=$$(basename $$f .lua); \
	     echo "{ \"luamig.$$m\", \"@$$f\", lua_$$m, sizeof(lua_$$m) },"; done; \
	   echo '{ NULL, NULL, NULL, 0 } };'; } > $@

$(BUILD)/embed.o: $(BUILD)/embed.c
	$(Q)$(CC) $(ALL_CFLAGS) -c -o $@ $<

$(UNITS): $(BUILD)/tests/%: $(BUILD)/tests/%.o $(BUILD)/tests/pgtest.o $(LIB)
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $^ $(ALL_LIBS) -lcmocka

$(BUILD)/tests/fuzz_sqlscan: FUZZ_LIBS = -lpg_query
$(REPLAY): $(BUILD)/tests/%: $(BUILD)/tests/%.o $(LIB)
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $^ $(ALL_LIBS) $(FUZZ_LIBS)

$(BUILD)/tests/proxy $(BUILD)/tests/bench/timed: $(BUILD)/%: $(BUILD)/%.o
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $^ -pie

$(BUILD)/tests/faults/faults: $(FAULTS)
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $^ -pie -lpq

install: $(BUILD)/luamig $(BUILD)/luamig.so
	install -D -m 755 $(BUILD)/luamig $(DESTDIR)$(PREFIX)/bin/luamig
	install -D -m 755 $(BUILD)/luamig.so $(DESTDIR)$(PREFIX)/lib/lua/5.4/luamig.so

deps:
	@tests/deps.sh build demo $(FOR)

# Sub-makes: pkg-config and the list of files are looked at after deps has run.
demo:
	@$(MAKE) --no-print-directory deps
	@$(MAKE) --no-print-directory -j2 all
	@tests/demo.sh $(BUILD)/luamig

test:
	@$(MAKE) --no-print-directory deps FOR=test
	@$(MAKE) --no-print-directory -j2 all tests
	@tests/run.sh $(BUILD)

test-matrix:
	@$(MAKE) --no-print-directory deps FOR=test
	@$(MAKE) --no-print-directory -j2 all $(BUILD)/tests/proxy $(BUILD)/tests/bench/timed
	@PG_BINDIRS="$(PG_BINDIRS)" TAGS="$(TAGS)" SPECS="$(SPECS)" tests/matrix.sh $(BUILD)

tests: $(UNITS) $(REPLAY) $(BUILD)/tests/proxy $(BUILD)/tests/bench/timed $(BUILD)/tests/faults/faults
.SECONDARY:

faults:
	@$(MAKE) --no-print-directory deps FOR=test
	@$(MAKE) --no-print-directory -j2 all $(BUILD)/tests/proxy $(BUILD)/tests/faults/faults
	@tests/faults/run.sh $(BUILD) $(if $(ONLY),'$(ONLY)')
	@$(if $(ONLY),,tests/faults/backfill.sh $(BUILD))

bench:
	@$(MAKE) --no-print-directory all $(BUILD)/tests/bench/timed
	@tests/bench/run.sh $(BUILD)
	@tests/bench/backfill.sh $(BUILD)

valgrind:
	@$(MAKE) --no-print-directory deps FOR="test valgrind"
	@$(MAKE) --no-print-directory -j2 all tests
	@tests/valgrind.sh $(BUILD)

fuzz:
	@tests/fuzz.sh $(SECONDS)

lint:
	clang-format --dry-run -Werror $(SRC) $(wildcard src/*/*.h tests/*.[ch] tests/*/*.c)
	luacheck --quiet $(wildcard lua) spec migrations-example
	cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,performance,portability \
	  --inline-suppr --suppress=missingIncludeSystem --suppress=invalidPrintfArgType_sint \
	  --suppress=unknownMacro -D_GNU_SOURCE -DLUAMIG_VERSION='""' -Isrc src
	tests/layers.sh
	tests/sizes.sh

format:
	clang-format -i $(SRC) $(wildcard src/*/*.h tests/*.[ch] tests/*/*.c)

clean:
	rm -rf build build-san build-clang build-fuzz

-include $(OBJ:.o=.d) $(UNITS:=.d) $(REPLAY:=.d) $(BUILD)/tests/pgtest.d $(FAULTS:.o=.d)
.PHONY: all install deps demo test test-matrix tests faults bench valgrind fuzz lint format clean
