"""What the cluster's objects say: rules, their problems, and which disks they are about. Pure.

Enter by `read.read_rules`.
"""
