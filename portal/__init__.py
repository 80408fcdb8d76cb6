"""The web pages, the command line and the HTTP interface of Clearpost; decisions are in holding."""
