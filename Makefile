# `make` lists what there is. Everything is installed into .venv/, nothing into the system's Python;
# only the two shared libraries that OpenCV needs come from Debian.

PYTHON ?= $(shell command -v python3.11 >/dev/null 2>&1 && python3.11 -c '' 2>/dev/null && echo python3.11 || echo python3)
VENV := .venv
PIP := $(VENV)/bin/pip --disable-pip-version-check -q
# Modules are used from where they are; what is generated, compiled or copied is installed anew when it changes.
SOURCES := setup.py setup.cfg pyproject.toml CMakeLists.txt package.xml \
           $(shell find build_support scripts msg launch config -type f ! -path '*__pycache__*')

.DEFAULT_GOAL := help
.PHONY: help install demo demo-teleop test lint lint-python docs clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' Makefile

install: $(VENV)/installed  ## Make .venv/ and install everything into it

demo: $(VENV)/installed  ## See it work: node, played camera, pictures and a bag in demo_output/
	@$(VENV)/bin/hand4whole demo --output demo_output

demo-teleop: $(VENV)/installed  ## See a robot hand follow: video, sheet and figures in demo_teleop/
	@$(VENV)/bin/hand4whole teleop --demo --output demo_teleop

test: $(VENV)/installed $(VENV)/tools  ## Run all tests
	@$(VENV)/bin/python -m pytest test -q -rs --timeout 300 && echo 'make test: all tests passed' \
	    || { echo 'make test: some tests failed, see above; $(VENV)/bin/python -m pytest --last-failed runs them again'; \
	         exit 1; }

lint: lint-python docs  ## Check the code and build the documentation

lint-python: $(VENV)/tools
	@$(VENV)/bin/ruff check .
	@PYTHONPATH=. $(VENV)/bin/lint-imports

# Everything anew: pages that did not change keep old titles of others, and their warnings are said once only.
docs: $(VENV)/documentation  ## Build the documentation into docs/_build/; a warning or a broken link fails
	@$(VENV)/bin/python -m sphinx -b html -E -a -W --keep-going -q docs docs/_build && echo 'make docs: open docs/_build/index.html'

clean:  ## Remove .venv/, demo_output/, demo_teleop/ and everything that was built
	rm -rf $(VENV) build install log dist demo_output demo_teleop docs/_build *.egg-info hand4whole_ros/msg hand4whole_ros/*.so

# Dependencies change seldom and take minutes, the package itself often and seconds: two stamps.
$(VENV)/dependencies: setup.cfg constraints.txt build_support/prepare_machine.sh
	@build_support/prepare_machine.sh $(PYTHON)
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	@echo 'installing the dependencies into $(VENV)/ (some minutes the first time)'
	@$(VENV)/bin/python build_support/requirements.py ros open teleop > $(VENV)/requirements.txt
	@$(PIP) install -c constraints.txt -r $(VENV)/requirements.txt
	@touch $@

$(VENV)/tools: $(VENV)/dependencies
	@$(VENV)/bin/python build_support/requirements.py dev > $(VENV)/requirements.txt
	@$(PIP) install -c constraints.txt -r $(VENV)/requirements.txt
	@touch $@

$(VENV)/documentation: setup.cfg constraints.txt
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/python build_support/requirements.py --only docs > $(VENV)/requirements.txt
	@$(PIP) install -c constraints.txt -r $(VENV)/requirements.txt
	@touch $@

$(VENV)/installed: $(VENV)/dependencies $(SOURCES)
	@echo 'building the ROS interfaces (half a minute)'
	@$(PIP) install --no-deps -e .
	@touch $@
