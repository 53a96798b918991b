"""Child processes: tied to their parent's life, supervised, and started again when they die."""
