# The verbs of this repository; CI runs the same. Each sets up what it needs.
SHELL := /bin/sh
PYTHON := .venv/bin/python
# A file is never divided; files are handed out in the order of tests/conftest.py. They start
# hundreds of processes, which share compiled modules even where the environment forbids writing them.
PYTEST := PYTHONDONTWRITEBYTECODE= $(PYTHON) -m pytest -n auto --dist loadfile --no-loadscope-reorder
.DEFAULT_GOAL := help
.PHONY: help setup judges demo test quick lint bench bench-full bench-scale

help:  ## list the verbs
	@sed -n 's/^\([a-z-]*\):.*## /make \1	/p' Makefile

setup:  ## make .venv, install requirements.txt and the development tools, fetch what the app needs
	@sh setup.sh

judges: setup  ## make the environments of the outside judges: tflite-runtime 2.14, MediaPipe Tasks, ARM, dexdump
	@sh judges.sh

demo: setup  ## draw pictures, train, evaluate, export, compare, explain, build the app: under five minutes
	@sh demo.sh

test: judges  ## every test, on all cores
	@$(PYTEST) --durations=25

quick: setup  ## the fast tests, on all cores: about two minutes
	@$(PYTEST) -m "not slow"

lint: setup  ## format, lint, types, arrows between modules
	@$(PYTHON) -m ruff format --check . && $(PYTHON) -m ruff check .
	@$(PYTHON) -m basedpyright --level error && .venv/bin/lint-imports

bench: setup  ## the figures of docs/performance.md, under fifteen minutes
	@$(PYTHON) -m benchmarks

bench-full: setup  ## accuracy on real pictures: presets, int8, and what cached features cost; over four hours
	@$(PYTHON) -m benchmarks.accuracy
	@$(PYTHON) -m benchmarks.models

bench-scale: setup  ## time and memory from 300 to 300,000 pictures: about 45 minutes
	@$(PYTHON) -m benchmarks.scale
