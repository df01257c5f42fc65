"""The lesson on the finished dog app, claim D7, and its drawings for users."""
