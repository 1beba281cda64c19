"""Deltas, and which snapshots they keep. Pure.

Enter by `deltas.parse`, which reads a list of deltas, and `kernel.retain`, which decides.
"""
