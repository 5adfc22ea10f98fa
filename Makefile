# The commands of CONTRIBUTING.md by short names.
BIN := .venv/bin

.PHONY: setup fmt lint types fast test coverage docs
setup:
	scripts/setup.sh
fmt:
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
lint:
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
types:
	$(BIN)/mypy
fast:
	scripts/check.sh --fast
test:
	scripts/check.sh
coverage:
	scripts/check.sh --cov=train_teacher
docs:
	$(BIN)/python scripts/make_reference.py
	$(BIN)/mkdocs build --strict
