# make lab    sets up, then swaps the faces of the bundled clips: runs/sample/index.html
# make test   sets up, then checks everything
SHELL := /bin/sh
NAME ?= sample
PRESET ?= quick
ARGS ?=
VENV ?= .venv
# The first interpreter that the lab runs on; PYTHON=/path/to/python3.12 chooses another.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	"$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1 \
	&& echo "$$python" && break; done)

BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help setup lab test test-colab notebooks solutions messages colab slides class-pack challenge site doctor clean

help:
	@echo "make setup      make $(VENV) and install the lab in it"
	@echo "make lab        set up, then run notebooks 01 to 06 on the bundled clips into runs/$(NAME)"
	@echo "                (NAME=mine PRESET=class ARGS='--source b.mp4 --target a.mp4')"
	@echo "make test       set up, then lint and test, notebooks included"
	@echo "make test-colab build copies of Colab's images, install the lab there and run notebooks 00 to 05: hours"
	@echo "make notebooks  bring notebooks/*.ipynb and notebooks/text/*.py in step, rewrite the badges"
	@echo "make solutions  for teachers: solutions/*.ipynb and notes/*.md, written from the lessons' texts"
	@echo "make messages   collect what lessons and widgets say, for translators: faceswap_lab/locale (ARGS='--new zh_CN')"
	@echo "make colab      the lab in one file for classes without GitHub: build/faceswap_lab_colab.zip"
	@echo "make slides     lessons 00 to 06 as slides with speaker notes, offline: build/slides (pictures of runs/$(NAME))"
	@echo "make class-pack the finished run runs/$(NAME) in one file, to open instead of waiting: build/faceswap_lab_run.zip"
	@echo "make challenge  two rendered people whom nobody can look up, and the true swap for the teacher: build/challenge"
	@echo "                (needs Blender, see docs/actors.md; ARGS='OUT --frames 60')"
	@echo "make site       lessons, pages and reference as a site, offline: build/site/index.html (outputs of runs/$(NAME))"
	@echo "make doctor     what the lab finds on this machine"
	@echo "make clean      remove $(VENV) and caches (runs/ stays)"

setup: $(READY)

$(READY): pyproject.toml
	@if [ -z "$(PYTHON)" ]; then \
		echo "No Python 3.11, 3.12 or 3.13 was found. Install one (Debian: apt install python3 python3-venv)," >&2; \
		echo "or name it: make $(or $(MAKECMDGOALS),setup) PYTHON=/path/to/python3.12" >&2; exit 1; fi
	@"$(PYTHON)" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
		echo "$(PYTHON) is no Python 3.11, 3.12 or 3.13. Name one: make setup PYTHON=/path/to/python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' >/dev/null 2>&1 || { \
		echo "$(PYTHON) lacks its venv module. Debian and Ubuntu: apt install python3-venv, then again." >&2; exit 1; }
	@echo "Installing into $(VENV): about 4 GB, some minutes."
	"$(PYTHON)" -m venv "$(VENV)"
	"$(BIN)/python" -m pip install --quiet --disable-pip-version-check -e ".[notebook,test]"
	@touch "$@"

lab: setup
	"$(BIN)/python" -m faceswap_lab run --name "$(NAME)" --preset "$(PRESET)" $(ARGS)

# One thread a worker for numpy's and TensorFlow's products: two workers share two cores, and threads wait for one another by
# turning in circles. A training step takes an eighth less processor time so.
test: setup
	"$(BIN)/ruff" check .
	"$(BIN)/mypy"
	"$(BIN)/python" tools/lint_notebooks.py
	OPENBLAS_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1 "$(BIN)/python" -m pytest -n 2 --dist loadfile --no-loadscope-reorder

# ARGS="-k 2026.07" chooses an image.
test-colab: setup
	"$(BIN)/python" -m pytest -s tools/test_colab_image.py $(ARGS)

colab: setup
	"$(BIN)/python" tools/make_colab_archive.py

# What turns lessons into slides and a site is installed on top, by whoever makes them.
PAGES := $(VENV)/.pages
$(PAGES): tools/site/requirements.txt $(READY)
	"$(BIN)/python" -m pip install --quiet --disable-pip-version-check -r tools/site/requirements.txt
	@touch "$@"

slides: $(PAGES)
	"$(BIN)/python" tools/make_slides.py --run "runs/$(NAME)" $(ARGS)

class-pack: setup
	"$(BIN)/python" tools/make_class_pack.py --run "runs/$(NAME)" $(ARGS)

challenge: setup
	"$(BIN)/python" tools/make_challenge.py $(ARGS)

site: $(PAGES)
	"$(BIN)/python" tools/make_site.py --run "runs/$(NAME)" $(ARGS)

notebooks: setup
	"$(BIN)/python" tools/sync_notebooks.py

solutions: setup
	"$(BIN)/python" tools/sync_notebooks.py --solutions

messages: setup
	"$(BIN)/python" tools/messages.py $(ARGS)

doctor: setup
	"$(BIN)/python" -m faceswap_lab doctor

clean:
	rm -rf "$(VENV)" build *.egg-info .pytest_cache .ruff_cache .mypy_cache
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
