"""Digits spoken, written, and seen by an event camera: small sets from packages and recordings."""
