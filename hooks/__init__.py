"""The front door: the hook contract as we understand it, and our implementations of it."""
