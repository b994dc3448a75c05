"""A base model small enough to ship, and text to extend it with."""
