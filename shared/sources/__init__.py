"""Where the objects are read that rules come from: the cluster's API, the mirror, a file.

Enter by `cluster.Cluster`, `mirror.Mirror` or `file.RulesFile`, each a `ports.RulesSource`.
"""
