# make setup   everything that the other targets need: Debian packages, .venv, Asterisk (quick when it is all there)
# make install PREFIX=/opt/voiceai   what running needs and nothing else (docs/install.md); PYTHON=python3.12, EXTRAS=1
# make rollback PREFIX=… goes back to the release installed before; make uninstall PREFIX=… removes it all but configuration and data
# make test    set-up, style, types, and all tests up to calls through a real Asterisk
# make demo    set-up, then one phone call from end to end; KEEP=1 stays up: talk from your browser, or a softphone
# make bench   the load benchmark: as many calls as hold; BENCH_CALLS=50 BENCH_SECONDS=15 for one point, BENCH_SIP=1 by telephone,
#              BENCH_RATE=1 how many calls a second
# make bench-cluster   several nodes: 10,000 slots on Valkey with Sentinel, then real controllers with stand-ins; RIGS=control
#              one of them, BENCH_NODES=60 BENCH_CALLS=10000 BENCH_SECONDS=20
# make chaos   the product is broken on purpose: CHAOS_SECONDS=300 CHAOS_CALLS=30, CHAOS_SEED for the same storm again;
#              then twenty kills of each part (KILLS=20), workers frozen at their worst moments, and an hour among
#              hostile peers: model, tool server, callers, a token's holder (HOSTILE_SECONDS=3600, HOSTILE_SEED), and an hour
#              through a lossy network, with moves and holds (LOSSY_SECONDS=3600, LOSSY_SEED); and each part of a cluster of three
#              nodes is killed, frozen and cut off while people call, and while 200 numbers are called
# make soak    1,000 short calls and 20 long ones (SOAK_CALLS, SOAK_LONG): memory, files and tasks stay as they are;
#              and a caller who is forgotten is in no file and no row any more
# make audit   known weaknesses of exactly the locked packages (asks PyPI); their licences are checked by "test"
# make docs    the documentation as a site, into var/site; "reference" writes its generated pages anew
# make fuzz    properties with new examples; then every parser of what others send, FUZZ_SECONDS=60 each
#              (FUZZ="ari_event": only that one); what reaches new places is kept in tests/fuzz/corpus
# make pictures   the pictures of docs/console.md anew, of a real call in a real browser
# make previous-release COMMIT=…   once a release has landed: tests run it beside what comes next (tests/previous_release)
# make lock    choose the newest allowed versions anew and pin them (requirements*.lock)
# Parts of "test" alone: style, types, unit, integration, postgresql, e2e. "clean" removes what was built, caches included.

SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
export PIP_CACHE_DIR ?= $(CURDIR)/.cache/pip
export PIP_DISABLE_PIP_VERSION_CHECK = 1

# Calls mostly wait, so up to six files at a time; each process has an Asterisk of its own. A call that runs in real time can be
# spoiled by what else the machine does, so a test that fails is run once more (R tells which), and then alone: what still
# fails is a defect. $(call tests,processes,what)
define tests
	$(BIN)/pytest --dist loadfile --no-loadscope-reorder --reruns 1 -rR -n $(1) $(2) || \
		{ [ $$? = 1 ] && $(BIN)/pytest --last-failed --last-failed-no-failures none --maxfail 1 -rA --show-capture no $(2); }
endef
# What keeps things in the store, again on PostgreSQL.
STORE := $(addprefix tests/integration/test_,store.py records.py api_history.py outbound_queue.py outbound_dialer.py webhooks.py webhooks_crash.py \
	api_idempotency.py api_queue.py api_keys.py nodes.py shared_store.py serve_nodes.py reaper.py previous_release.py)

.PHONY: setup packages install rollback uninstall test demo bench bench-cluster pictures chaos soak fuzz audit docs previous-release reference style types unit integration postgresql e2e lock clean
.NOTPARALLEL:

# Asterisk is fetched while Python packages are: the one mostly waits for disks, the other for networks.
setup: packages
	@asterisk/asterisk setup & $(MAKE) --no-print-directory .venv/.installed; python=$$?; wait $$! && exit $$python
	@echo "setup: ok, $(BIN)/voiceai is ready"

# Asked by command, not by package name, so that other distributions pass with what they have.
packages:
	@.ci/packages $(PYTHON)

# --require-hashes: exactly the files that were locked, whatever index serves them.
.venv/.installed: requirements-dev.lock pyproject.toml
	@echo "setup: Python packages into .venv ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "setup: $(PYTHON) is older than 3.11; name another one: make setup PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -qq --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip install -qq --no-deps --no-build-isolation -e .
	@touch $@

# Needs neither set-up nor packages of the distribution but Python.
install: export EXTRAS := $(EXTRAS)
install:
	@deploy/install "$(or $(PREFIX),/opt/voiceai)" "$(PYTHON)"

rollback:
	@deploy/rollback "$(or $(PREFIX),/opt/voiceai)" "$(RELEASE)"

uninstall:
	@deploy/uninstall "$(or $(PREFIX),/opt/voiceai)"

test: setup style types
	$(call tests,2,tests/unit tests/fuzz)
	$(call tests,5,tests/integration)
	$(call tests,4,--store postgresql $(STORE))
	$(call tests,6,tests/e2e)
	$(call tests,1,tests/chaos)

demo: setup
	KEEP=$(KEEP) $(BIN)/voiceai demo

bench-cluster: setup
	@$(BIN)/python -m bench.cluster $(RIGS) --nodes $(or $(BENCH_NODES),60) --calls $(or $(BENCH_CALLS),10000) --seconds $(or $(BENCH_SECONDS),20)

bench: setup
	@$(BIN)/python -m bench --calls $(or $(BENCH_CALLS),0) --seconds $(or $(BENCH_SECONDS),15) \
		--repeat $(or $(BENCH_REPEAT),1) --workers $(or $(BENCH_WORKERS),1) $(if $(BENCH_SIP),--sip) $(if $(BENCH_RATE),--rate) $(if $(BENCH_NO_REALTIME),--no-realtime) $(if $(BENCH_NO_TLS),--no-tls)

chaos: export CHAOS_SEED ?= $(shell echo $$RANDOM)
chaos: export CHAOS_SECONDS ?= 300
chaos: export CHAOS_CALLS ?= 30
chaos: export HOSTILE_SECONDS ?= 3600
chaos: export LOSSY_SECONDS ?= 3600
chaos: setup
	$(BIN)/pytest -m "slow or not slow" -s --deselect tests/chaos/test_soak.py tests/chaos tests/e2e/test_cluster.py

soak: setup
	$(BIN)/pytest -m slow -s tests/chaos/test_soak.py tests/e2e/test_erasure.py

docs: .venv/.installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict -q
	@echo "docs: var/site/index.html"

audit: .venv/.installed
	$(PYTHON) -m venv .cache/audit
	.cache/audit/bin/python -m pip install -qq pip-audit
	.cache/audit/bin/pip-audit --disable-pip --require-hashes -r requirements.lock -r requirements-dev.lock

previous-release: .venv/.installed
	$(BIN)/python -m tests.previous_release $(COMMIT)

reference: .venv/.installed
	$(BIN)/python -m controller.config >config.schema.json
	$(BIN)/python -m docs.reference

fuzz: .venv/.installed
	$(BIN)/pytest -n 2 --hypothesis-profile explore tests/unit
	@$(BIN)/python -m tests.fuzz --seconds $(or $(FUZZ_SECONDS),60) $(FUZZ)

pictures: setup
	$(BIN)/pytest tests/e2e/screenshots.py

style: .venv/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/.installed
	$(BIN)/mypy

postgresql: .venv/.installed
	$(call tests,4,--store postgresql $(STORE))

unit integration: .venv/.installed
	$(BIN)/pytest tests/$@

e2e: setup
	$(call tests,6,tests/e2e)
	$(call tests,1,tests/chaos)

# uv reads the hashes of all files of a version, for every platform, off the index; no address gets into the locks.
LOCK := .cache/uv/bin/uv pip compile -q --universal --python-version 3.11 --upgrade --generate-hashes \
	--no-emit-index-url --no-annotate --custom-compile-command "make lock"

lock:
	$(PYTHON) -m venv .cache/uv
	.cache/uv/bin/python -m pip install -q uv
	$(LOCK) -o requirements.lock pyproject.toml
	$(LOCK) -o requirements-extras.lock --extra cluster --extra otel --extra postgres -c requirements.lock pyproject.toml
	$(LOCK) -o requirements-dev.lock --all-extras -c requirements-extras.lock pyproject.toml

clean:
	@for instance in $(notdir $(wildcard var/asterisk/*)); do asterisk/asterisk --name $$instance remove; done
	rm -rf .venv .cache var build dist *.egg-info client/build client/*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
