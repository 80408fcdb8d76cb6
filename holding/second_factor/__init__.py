"""The second factor at sign-in: codes of an authenticator app, set up, asked for and ended."""
