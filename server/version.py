"""The version, here alone: pyproject.toml reads it when a wheel is built."""

VERSION = "0.1.0"
