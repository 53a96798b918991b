"""What the host offers to plugins: clients, contacts, secrets, flags, itself."""
