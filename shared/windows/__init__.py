"""Windows: the hours of the week in which snapshots may be taken, in time zones. Pure.

Enter by `parse.parse`, which makes a `window.Window` of a text.
"""
