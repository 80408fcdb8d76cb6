"""Clearpost portal: the web pages, the command line and the HTTP interface; it decides nothing."""
