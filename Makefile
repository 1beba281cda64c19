# The two commands of the README are `make demo` and `make test`; both make the environment first.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# Named by a hash, since a clone or a branch changes files' times.
READY  := $(VENV)/.ready-$(firstword $(shell sha256sum requirements.txt))
ARCH   ?= arm64
SEEDS  ?= 1000
START  ?= 0
SEED   ?= 0
COUNT  ?= 150
FUZZ   ?= 20000

.DEFAULT_GOAL := help
.PHONY: help install demo test smoke simulate mutants fuzz check format bench build release terraform-check docs site \
  lock clean

help: ## show the targets
	@sed -n 's/^\([-a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 17

$(READY):
	@if [ -L $(VENV) ]; then echo "$(VENV) is a link: it would be emptied where it leads. Remove it"; exit 2; fi
	@echo "Installing the requirements into $(VENV), once; this takes a minute or two."
	@$(PYTHON) -m venv --clear $(VENV)
	@if command -v uv >/dev/null; \
	  then uv pip install --quiet --python $(BIN)/python --requirement requirements.txt; \
	  else $(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements.txt; fi
	@touch $@

install: $(READY) ## install the requirements, where they are not

demo: $(READY) ## plan, reconcile and reconcile again on embedded clouds and clusters
	@CLOUD=$(CLOUD) $(BIN)/python -m tools.demo

test: $(READY) ## run all tests
	@$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadscope

# In your own account, for a few cents; see docs/smoke.md.
smoke: $(READY) ## try it in a real account and remove everything again (CLOUD=aws or gcp)
	@case "$(CLOUD)" in aws|gcp) ;; *) echo "make smoke CLOUD=aws, or CLOUD=gcp"; exit 2;; esac
	@$(BIN)/python -m tools.smoke $(CLOUD)

simulate: $(READY) ## break passes by injected faults for years of virtual time (SEEDS=1000, START=0)
	@$(BIN)/python -m tests.simulation --seeds $(SEEDS) --start $(START)

mutants: $(READY) ## show that tests notice small changes of the core (SEED=0, COUNT=150)
	@$(BIN)/python -m tests.mutants --seed $(SEED) --count $(COUNT)

fuzz: $(READY) ## feed untrusted input for longer (FUZZ=20000 examples a test)
	@FUZZ=$(FUZZ) $(BIN)/python -m pytest tests/fuzz

check: $(READY) ## run linters, type checker and import contracts
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check --quiet || { echo "make format would change files"; exit 1; }
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(READY) ## format the code
	@$(BIN)/ruff check --fix --quiet || true
	@$(BIN)/ruff format

bench: $(READY) ## measure speed and memory against named baselines
	@$(BIN)/python -m benchmarks

build: $(READY) ## build build/aws.zip (ARCH=arm64 or x86_64) and build/gcp.zip
	@$(BIN)/python -m tools.build --arch $(ARCH)

# Of the last commit alone; two runs give the same checksums.
release: $(READY) ## build everything that a release publishes into dist/, the same to the byte
	@$(BIN)/python -m tools.release

# Needs terraform and its registry; .ci/run has the same checks, and more, where it can plan offline.
terraform-check: ## validate and test the Terraform modules and examples
	@for zip in aws gcp; do test -f build/$$zip.zip || { echo "run make build first"; exit 1; }; done
	@terraform fmt -check -recursive terraform examples/terraform
	@for root in terraform/aws terraform/gcp examples/terraform/*/*; do \
	  echo "$$root" && terraform -chdir=$$root init -backend=false -input=false >/dev/null && \
	  terraform -chdir=$$root validate -no-color || exit 1; done
	@for cloud in aws gcp; do terraform -chdir=terraform/$$cloud test -no-color || exit 1; done

docs: $(READY) ## write what the documents take from the code
	@$(BIN)/python -m tools.docs

# SITE_FILES is the address of the files outside docs/, such as https://…/blob/v1.0.0.
site: $(READY) ## write the documents as a site into build/site
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# Pins of everything, for every supported Python; the functions' own are a part of them.
lock: ## resolve pyproject.toml into the pins
	@$(PYTHON) -m pip install --quiet uv
	@uv pip compile --quiet --universal --python-version 3.11 --no-header --annotation-style line \
	  --group dev --output-file requirements.txt pyproject.toml
	@for cloud in aws gcp; do \
	  uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate \
	    --group $$cloud --constraint requirements.txt --output-file functions/$$cloud/requirements.txt \
	    || exit 1; done

clean: ## remove what the other targets made
	@rm -rf $(VENV) build dist .mypy_cache .ruff_cache .hypothesis
