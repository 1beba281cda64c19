"""What a pass tells: its report, metrics, pings, and the status of rules in the cluster.

Enter by `schema.Report`; `metrics`, `pings`, `rule_statuses` and `events` are made from it or
beside it.
"""
