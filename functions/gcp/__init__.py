"""The Google Cloud Function and what only Google Cloud needs."""
