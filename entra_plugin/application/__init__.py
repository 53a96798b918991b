"""The use cases, one module each: a command in, a result out, one transaction."""
