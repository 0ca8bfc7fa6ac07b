# The two commands are `make run` and `make test`; `make` alone lists all.
PORT ?= 8000
export PORT
PYTHON_IN = .venv/bin/python
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help run stop status demo test lint fix bench migrations lock faults bootstrap bootstrap-dev

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: bootstrap ## Set up and start everything (PORT=8000)
	@$(PYTHON_IN) -m jarvis_site.local run

stop: bootstrap ## Stop what `make run` started elsewhere
	@$(PYTHON_IN) -m jarvis_site.local stop

status: bootstrap ## Say what runs
	@$(PYTHON_IN) -m jarvis_site.local status

demo: bootstrap ## Create the demo organization and its people, and print their sign-in
	@$(PYTHON_IN) -m jarvis_site.local demo

test: bootstrap-dev ## Lint, then all tests (ARGS="-k name" for some)
	@bin/lint
	@CHROMIUM="$$(bin/chromium)" && DOVECOT="$$(bin/dovecot)" && RABBITMQ="$$(bin/rabbitmq)" && \
		FAKETIME_LIBRARY="$$(bin/faketime)" && bin/oidc-provider >/dev/null && \
		export CHROMIUM DOVECOT RABBITMQ FAKETIME_LIBRARY && \
		$(PYTHON_IN) -m pytest $(ARGS)

faults: bootstrap-dev ## The fault suite in full: takes more than an hour (ARGS="-k many_runs" for a part)
	@DOVECOT="$$(bin/dovecot)" && RABBITMQ="$$(bin/rabbitmq)" && FAKETIME_LIBRARY="$$(bin/faketime)" && \
		export DOVECOT RABBITMQ FAKETIME_LIBRARY && JARVIS_FAULTS=full $(PYTHON_IN) -m pytest tests/faults $(ARGS)

lint: bootstrap-dev ## Check style, types, import contracts, templates, migrations and production settings
	@bin/lint

fix: bootstrap-dev ## Repair what the linters can repair
	@.venv/bin/ruff check --fix --quiet . ; .venv/bin/ruff format --quiet .

bench: bootstrap-dev ## Measure; prints the figures
	@$(PYTHON_IN) -m benchmarks $(ARGS)

migrations: bootstrap-dev ## Write migrations for changed models
	@$(PYTHON_IN) -m jarvis_site.local with -- $(PYTHON_IN) manage.py makemigrations $(ARGS)

lock: ## Resolve the dependencies anew (needs uv)
	@bin/lock

bootstrap:
	@bin/bootstrap run

bootstrap-dev:
	@bin/bootstrap dev
