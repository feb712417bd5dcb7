"""A stateful stand-in for Stripe that speaks its wire protocol."""
