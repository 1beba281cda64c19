"""The core broken on purpose, one way at a time: `python -m tests.mutants`."""
