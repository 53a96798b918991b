"""The review queue: look at questions, answer one or many of them, take a dismissal back."""
