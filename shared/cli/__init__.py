"""What people type and see: the command line, its tables.

Enter by `main.main`. Only `console` and `tables` import the package `rich`, and are imported late.
"""
