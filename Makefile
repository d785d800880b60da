# Each target may be run at any time and again; what is already there is not made anew.
.DEFAULT_GOAL := help
.PHONY: help setup tools peers lint test demo demo-ca-cluster bench fleet soak fuzz docs lock strangers clean distclean

help: ## say what there is
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 25

setup: ## .venv with Evercert and everything pinned in requirements/dev.lock (Python 3.11 or newer; no root)
	@PYTHON="$(PYTHON)" tools/setup

tools: setup ## Pebble, a CA to test against, built into .tools/bin (no root)
	@tools/pebble

peers: setup ## servers and clients from elsewhere that the tests talk to (root, or sudo without a question)
	@tools/peers
	@tools/clients

lint: setup ## style, types, the walls between rooms, known vulnerabilities
	@tools/check

test: setup tools peers ## everything that proves it, against real programs; ARGS="-k name" narrows it
	@.venv/bin/pytest -n auto --dist worksteal $(ARGS)

demo: setup ## watch one certificate: obtained, installed, proved, renewed, proved again (no root)
	@.venv/bin/evercert demo

demo-ca-cluster: setup ## watch two nodes of one CA on one PostgreSQL: killed under load, and nothing is lost (no root)
	@.venv/bin/evercert ca demo $(ARGS)

bench: setup tools peers ## figures beside other clients and CAs, measured in one run on this machine
	@tools/step-ca
	@.venv/bin/python -m bench $(ARGS)

fuzz: setup ## a hundred thousand malformed requests to the CA, in memory (some minutes)
	@.venv/bin/python -m tests.ca.conformance.fuzz $(or $(ARGS),100000)

fleet: setup tools peers ## ten thousand certificates, three workers, PostgreSQL and everything that can fail (an hour); ARGS="CERTIFICATES LIFE SEED [sqlite]"
	@.venv/bin/python -m tests.fleet $(ARGS)

soak: setup ## a million certificates over ten years, in memory: a silent CA, a mass revocation, limits (hours); ARGS="--certificates 2000 --years 3"
	@.venv/bin/python -m evercert.simulation.soak $(ARGS)

docs: setup ## write the parts of docs/ that come from the tables of the program
	@.venv/bin/python tools/write_docs.py

strangers: setup tools peers ## write down what strangers' clients do at our CA; `make docs` makes a page of it
	@.venv/bin/python -m tests.strangers.record

lock: ## pin every dependency again, with hashes; read the diff
	@tools/lock

clean: ## remove what checks and tests left behind
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .grimp_cache build dist
	@find src tests bench -name __pycache__ -prune -exec rm -rf {} +

distclean: clean ## remove the environment and the tools as well
	@rm -rf .venv .tools src/*.egg-info
