"""From a snapshot back to a claim: what is asked for, which snapshot fits, the manifests. Pure.

Enter by `request.parse_restore`, `volumes.read_cluster_volumes`, `choose.find` and
`manifests.restore`, in this order; `output` prints.
"""
