"""Hold the version of Clearpost alone, because the build reads this file."""

__version__ = "0.1.0"
