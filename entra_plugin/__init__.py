"""Microsoft Entra for a PSA platform; hosts load it through the entry points ``psa.plugins``."""
