"""One pass: which rules to trust, list, plan, apply, report.

Enter by `run.run`.
"""
