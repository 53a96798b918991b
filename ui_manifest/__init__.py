"""What people see, as data: manifest, schema, locales, templates, static files."""
