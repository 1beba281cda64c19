"""The core: rules, retention, the plan and the pass. Imports no cloud SDK."""

__version__ = "1.0.0"
