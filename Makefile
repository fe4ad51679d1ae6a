# The two commands of the README. Each does all of its own set-up: Python >= 3.11 and pip are all a machine needs.
PYTHON ?= python3
BIN := .venv/bin
AECLI := $(BIN)/aecli

.PHONY: demo test torture install clean
.ONESHELL:
SHELL := bash
.SHELLFLAGS := -euo pipefail -c

install: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	@echo "installing into .venv (some minutes the first time)"
	@$(PYTHON) -c 'import sys; sys.exit("aecli needs Python >= 3.11: make PYTHON=python3.11 ..." if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: install  ## train a VAE on digits, evaluate, embed, sample, score anomalies
	@run() { echo; echo "\$$ aecli $$*"; $(AECLI) "$$@"; }
	@mkdir -p outputs/demo
	run check experiments/lecture/digits_vae.yaml --config-only
	run train experiments/lecture/digits_vae.yaml | tee outputs/demo/run
	vae=$$(tail -1 outputs/demo/run)
	run eval "$$vae" --metrics reconstruction,representation
	run embed "$$vae" --output outputs/demo/codes.csv
	run sample "$$vae" --count 64 --output outputs/demo/samples.png
	run anomaly fit experiments/applications/digits_anomaly.yaml | tee outputs/demo/run
	odd=$$(tail -1 outputs/demo/run)
	run anomaly score "$$odd" --output outputs/demo/scores.csv
	rm outputs/demo/run
	echo
	echo "The pictures are here:"
	for file in "$$vae"/figures/*.png "$$odd"/figures/*.png outputs/demo/*.png; do echo "  $$file"; done

test: install  ## ruff, types, pytest with warnings as errors
	@$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright
	$(BIN)/pytest -n auto --dist worksteal

torture: install  ## kills, signals, damage, full disks, many epochs, mutations: hours; tests/torture/README.md says which
	@for what in kill stop damage disk epochs mutate; do echo "$$what"; $(BIN)/python -m tests.torture.$$what; done

clean:
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis
