"""A stand-in for the providers of try-on pictures."""
