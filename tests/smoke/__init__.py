"""The trial in a real account, tried against the stand-ins."""
