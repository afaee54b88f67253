"""The version of stance, which trained models name in their card."""

__all__ = ["VERSION"]

VERSION = "0.1.0"
