"""What the study of skin lesions says and shows."""
