"""The version of Clearpost: read by the build and shown by `clearpost --version`."""

VERSION = __version__ = "0.1.0"
