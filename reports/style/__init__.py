"""The lesson on style transfer, claims S1 to S3."""
