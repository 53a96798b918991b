"""A strict stand-in for Microsoft sign-in and Microsoft Graph v1.0, with a control interface.

What it accepts and answers follows Microsoft's published metadata and documentation; what it does
not know it refuses, as Microsoft does.
"""
