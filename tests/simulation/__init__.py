"""Passes over virtual years, with faults at every call: `python -m tests.simulation --help`."""
