"""Ways into a cluster's API: which one, kubeconfigs, connections.

Enter by `ways.find`. Only `connect` imports the package `kubernetes`, and late.
"""
