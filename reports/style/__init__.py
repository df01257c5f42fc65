"""What the study of style transfer says: claims S1 to S3, pictures and curves."""
