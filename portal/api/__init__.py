"""The interface for programs: JSON over HTTP, with a bearer token, under /api/v1."""
