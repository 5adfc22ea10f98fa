# The commands of CONTRIBUTING.md by short names.
BIN := .venv/bin

.PHONY: setup fmt lint types test
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
test:
	scripts/check.sh
