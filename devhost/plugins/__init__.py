"""Loading plugins: the host's own hook specifications, and the manager that calls them."""
