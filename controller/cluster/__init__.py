"""Several controllers that work together: who is who, and what they share."""
