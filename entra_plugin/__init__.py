"""Microsoft Entra for a PSA platform. Hosts load it through the entry point group ``psa.plugins``."""
