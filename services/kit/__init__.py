"""What the four services have in common. Knows nothing of credits, garments or plans, and imports no service."""
