"""Rules, snapshots and the time to a plan: what is due, goes or is held, and why. Pure.

Enter by `plan.plan`; a plan consists of what `actions` has. `explain` tells of single disks.
"""
