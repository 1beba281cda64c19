"""Where the objects are read that rules come from: the cluster's API, the mirror, a file.

Each implements `ports.RulesSource`: enter by `cluster.Cluster`, `mirror.Mirror`, `file.RulesFile`.
"""
