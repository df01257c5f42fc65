"""The lesson on weight initialisation, claims W1 to W6."""
