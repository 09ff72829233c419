# Needs Python 3.11 or later (with its venv module), make and git; nothing else installed or running.

VENV  := .venv
BIN   := $(VENV)/bin
STAMP := $(VENV)/.installed
BENCH := tests/bench

.DEFAULT_GOAL := help
.PHONY: help demo test check bench format lock clean

help:
	@echo "make demo    run the main job: the service, a simulated carrier, buyers and dialler; ends by itself"
	@echo "make test    all checks and the whole test suite"
	@echo "make check   ruff and mypy"
	@echo "make bench   the benchmarks"
	@echo "make format  rewrite the code in the house style"
	@echo "make lock    choose the versions of requirements.lock anew, and of .ci/image.lock after it"
	@echo "make clean   remove what make has made"

demo: $(STAMP)
	$(BIN)/callrouter demo

# Tests on the real clock measure time: they run alone, after the others. Most of the others wait for a disk.
# Those in a browser mostly wait, too.
test: check
	$(BIN)/python -m pytest -n 4 --dist loadscope -m "not real_time and not bench"
	$(BIN)/python -m pytest -m "real_time and not browser and not bench"
	$(BIN)/python -m pytest -n 3 --dist loadfile -m browser

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(STAMP)
	@test -d $(BENCH) || { echo "There is no $(BENCH)."; exit 1; }
	$(BIN)/python -m pytest $(BENCH) -m bench -s

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(STAMP)
	@$(BIN)/uv --version >/dev/null 2>&1 || $(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --custom-compile-command "make lock" --upgrade --quiet --output-file requirements.lock
	$(BIN)/uv pip compile pyproject.toml --extra postgres --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --custom-compile-command "make lock" --no-annotate --constraint requirements.lock \
		--quiet --output-file .ci/image.lock

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment is made anew, as a whole, when the lock changes; otherwise this costs nothing.
# The checkout is put on its path and a `callrouter` command beside its Python: nothing has to be built.
$(STAMP): requirements.lock
	@for name in python3.13 python3.12 python3.11 python3 python; do \
		"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
		found=$$name; \
		"$$name" -c 'import ensurepip, venv' 2>/dev/null && python=$$name && break; \
	done; \
	if [ -z "$$found" ]; then \
		echo "callrouter needs Python 3.11 or later, and there is none on the PATH. Install it and try again." >&2; \
		exit 1; \
	elif [ -z "$$python" ]; then \
		echo "$$found cannot make virtual environments here." >&2; \
		echo "On Debian and Ubuntu: apt-get install python3-venv; then try again." >&2; \
		exit 1; \
	fi; \
	echo "Setting up $(VENV) with $$("$$python" --version) ..."; \
	rm -rf $(VENV) && "$$python" -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input --only-binary :all: \
		--require-hashes -r requirements.lock
	@$(BIN)/python -c 'import pathlib, sysconfig; \
		pathlib.Path(sysconfig.get_path("purelib"), "callrouter.pth").write_text("$(CURDIR)\n")'
	@printf '#!/bin/sh\nexec "$$(dirname "$$0")/python" -m callrouter "$$@"\n' > $(BIN)/callrouter
	@chmod +x $(BIN)/callrouter
	@touch $(STAMP)
