# Every target sets up what it needs first. `make help` lists them.
PYTHON ?= python3
PORT ?= 8080
DOCKER ?= docker
TAG ?= 0.1.0
VENV_PYTHON := .venv/bin/python
export PYTHONPATH := $(CURDIR):$(CURDIR)/gen
export PORT
# gRPC's handlers around fork() crash children of processes that are calling; ours only start other programs.
export GRPC_ENABLE_FORK_SUPPORT := false

.DEFAULT_GOAL := help
.PHONY: $(shell grep -oE '^[a-z-]+:' $(MAKEFILE_LIST) | tr -d :)

help: ## Show what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

setup:
	@command -v $(PYTHON) >/dev/null || { echo "Drape needs Python 3.11 or newer, and there is no $(PYTHON) here."; exit 1; }
	@$(PYTHON) scripts/setup.py

run: setup ## Start everything on this machine and print a walk-through (PORT=8080)
	@$(VENV_PYTHON) -m sandbox run

demo: setup ## Open the browser on a try-on, in an account with people and outfits (PORT=8080)
	@$(VENV_PYTHON) -m sandbox demo

test: setup ## Run every test (ARGS="tests/e2e -k upload" for some)
	@$(VENV_PYTHON) -m pytest $(ARGS)

gen: setup ## Generate the code from the protos again
	@rm -f gen/inputs && $(PYTHON) scripts/setup.py

clients: gen ## Make the Python and TypeScript clients again (the latter needs Node and npm)
	@$(VENV_PYTHON) scripts/clients.py

lint: setup ## Check style, types and protos
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@$(VENV_PYTHON) -m mypy
	@.venv/bin/buf lint gen/drape.binpb --path drape --config buf.yaml

format: setup ## Format the Python code
	@.venv/bin/ruff check --fix --quiet .
	@.venv/bin/ruff format .

lock: setup ## Write requirements.lock anew from pyproject.toml
	@.venv/bin/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --quiet --upgrade \
		--generate-hashes --no-annotate --no-header --no-emit-index-url -o requirements.lock

bench-engine: setup ## Measure the local try-on engine
	@$(VENV_PYTHON) -m tests.bench.engine

screenshots: setup ## Take the README's pictures of the page anew (needs Chromium)
	@$(VENV_PYTHON) -m tests.browser.screenshots

bench-login: setup ## Measure sign-ins beside bcrypt alone, and profile reads meanwhile
	@$(VENV_PYTHON) -m tests.bench.login

bench-ledger: setup ## Measure holds and captures over gRPC beside bare SQL (ARGS="--rounds 5")
	@$(VENV_PYTHON) -m tests.bench.ledger $(ARGS)

bench-media: setup ## Measure uploads and served images, and the memory they take (SECONDS=15)
	@$(VENV_PYTHON) -m tests.bench.media

bench-tryon: setup ## Measure what a try-on takes beside its engine (ARGS="--seconds 5 --only instant")
	@$(VENV_PYTHON) -m tests.bench.tryon $(ARGS)

load: setup ## Use a running system as many people do in a day (URL=http://localhost:8080 PEOPLE=10 SECONDS=60 THINK=1)
	@$(VENV_PYTHON) -m tests.load

bench-webhook: setup ## Measure how long Stripe waits for the answer to an event
	@$(VENV_PYTHON) -m tests.bench.webhook $(ARGS)

bench-footprint: setup ## Measure what each part takes of processor and memory for what people do
	@$(VENV_PYTHON) -m tests.bench.footprint

picture: setup ## Make the README's picture of a try-on again
	@$(VENV_PYTHON) -m sandbox.picture docs/try-on.jpg

images: ## Build every image (TAG=0.1.0; needs docker, or DOCKER=podman)
	@for service in auth media tryon billing; do $(DOCKER) build --build-arg SERVICE=$$service -t drape/$$service:$(TAG) . || exit 1; done
	@for target in gateway sandbox; do $(DOCKER) build --target $$target -t drape/$$target:$(TAG) . || exit 1; done

cluster-secrets: setup ## Make the secrets of the cluster of deploy/k8s/overlays/local
	@$(VENV_PYTHON) -m scripts.cluster_secrets deploy/k8s/overlays/local/secrets

compose-secrets: setup ## Make the .env of compose.yaml
	@$(VENV_PYTHON) -m scripts.cluster_secrets .env

stop: ## Stop what an earlier start has left running
	@test ! -x $(VENV_PYTHON) || $(VENV_PYTHON) -m sandbox stop

clean: stop ## Delete everything that was made here: .venv, generated code, data, models
	@rm -rf .venv gen gen.new .data .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
