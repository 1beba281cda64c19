"""What people type and see: the command line, its tables.

Enter by `main.main`. Only `console`, `tables`, `watch` and `progress` import `rich`, and late.
"""
