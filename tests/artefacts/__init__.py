"""The artefacts, built for the host and run as they will be: not the tree."""
