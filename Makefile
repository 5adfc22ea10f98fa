# The commands of CONTRIBUTING.md by short names.
BIN := .venv/bin

.PHONY: setup fmt lint types fast test
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
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow and not model"
test:
	scripts/check.sh
