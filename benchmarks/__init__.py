"""What we claim about speed, measured by one command: ``python3 dev.py bench``."""
