"""The HTML surfaces: the set-up wizard, the client action and the contact panel."""
