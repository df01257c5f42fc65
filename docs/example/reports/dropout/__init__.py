"""The example of docs/extending.md: a claim with a study of its own."""
