"""A trial in a real account: `make smoke CLOUD=aws` or `CLOUD=gcp`; see docs/smoke.md.

It makes one disk of 1 GiB, runs the command line's passes over it, and removes everything again.
"""
