"""What people type and see: the command line, its tables.

Enter by `main.main`. Only `console` and what prints import the package `rich`, and late.
"""
