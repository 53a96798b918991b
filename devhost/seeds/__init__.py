"""What a fresh devhost holds.

MSPs and their people, clients, contacts, and the directories at Microsoft.
"""

from devhost.seeds.load import load_seed

__all__ = ["load_seed"]
