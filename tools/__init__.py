"""What builds and grades the course; run from the root as `python -m tools.<name>`."""
