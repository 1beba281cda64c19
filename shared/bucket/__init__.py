"""What lies in the bucket: leases with records of what was begun; and a folder as a bucket.

Enter by `storage.open_storage`, which gives what MIRROR_URL names.
"""
