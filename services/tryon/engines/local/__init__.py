"""The try-on engine that needs nothing but this machine: small pose models and classical image processing."""
