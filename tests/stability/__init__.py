"""What docs/upgrading.md promises to keep: compared with what tests/golden/stable has recorded."""
