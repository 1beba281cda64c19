"""Fuzzing of untrusted input; FUZZ=20000 sets the examples of each test."""
